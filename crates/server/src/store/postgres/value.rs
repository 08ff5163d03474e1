//! Values of statements and columns of rows.
//!
//! The schema has four types. A [`Value`] has the type of its parameter, so that PostgreSQL need not be asked for it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::error::StoreFailure;
use crate::token::TokenHash;

/// A parameter of a statement. `Debug` hides it, because it may be a password hash.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Integer(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Boolean(bool),
}

impl Value<'_> {
    pub(super) fn sql_type(&self) -> Type {
        match self {
            Self::Integer(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Boolean(_) => Type::BOOL,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value")
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        sql_type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Integer(value) => value.to_sql(sql_type, out),
            Self::Text(value) => value.as_deref().to_sql(sql_type, out),
            Self::Bytes(value) => value.as_deref().to_sql(sql_type, out),
            Self::Boolean(value) => value.to_sql(sql_type, out),
        }
    }

    fn accepts(sql_type: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA, Type::BOOL].contains(sql_type)
    }

    to_sql_checked!();
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Some(value).into()
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Some(value).into()
    }
}

/// Replaces U+0000, which no text of PostgreSQL can contain.
///
/// A valid name does not contain it, but other text from a client can.
impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value.map(|text| match text.contains('\0') {
            true => text.replace('\0', "\u{FFFD}").into(),
            false => text.into(),
        }))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(|text| match text.contains('\0') {
            true => text.replace('\0', "\u{FFFD}").into(),
            false => text.into(),
        }))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(Some(value.as_slice().into()))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Some(value).into()
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(Some(value.as_slice().into()))
    }
}

impl From<Option<Vec<u8>>> for Value<'_> {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::Bytes(value.map(Cow::from))
    }
}

/// Makes a slice of [`Value`]s.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$( $crate::store::postgres::value::Value::from($value) ),*]
    };
}
pub(super) use values;

/// Reads a column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreFailure> {
    Ok(row.try_get(column)?)
}

/// Reads a column with a number that is not negative.
pub(super) fn get_count(row: &Row, column: usize) -> Result<u64, StoreFailure> {
    u64::try_from(get::<i64>(row, column)?).map_err(StoreFailure::new)
}

/// Reads a column with a fixed number of bytes.
pub(super) fn get_bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], StoreFailure> {
    let bytes: &[u8] = get(row, column)?;
    bytes.try_into().map_err(StoreFailure::new)
}

/// Reads a column with the hash of a token.
pub(super) fn get_token(row: &Row, column: usize) -> Result<TokenHash, StoreFailure> {
    get_bytes(row, column).map(TokenHash::from_store)
}

/// Reads a column with a name.
pub(super) fn get_parsed<T>(row: &Row, column: usize) -> Result<T, StoreFailure>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    get::<&str>(row, column)?.parse().map_err(StoreFailure::new)
}

/// Like [`get_parsed`], for a column that may be `NULL`.
pub(super) fn get_optional_parsed<T>(row: &Row, column: usize) -> Result<Option<T>, StoreFailure>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = get::<Option<&str>>(row, column)?;
    text.map(str::parse).transpose().map_err(StoreFailure::new)
}

/// Reads a column of seconds since 1970.
pub(super) fn get_time(row: &Row, column: usize) -> Result<DateTime<Utc>, StoreFailure> {
    let time = DateTime::from_timestamp(get(row, column)?, 0);
    time.ok_or_else(|| StoreFailure::new("a stored time is out of range"))
}

/// Reads a column of milliseconds since 1970.
pub(super) fn get_time_millis(row: &Row, column: usize) -> Result<DateTime<Utc>, StoreFailure> {
    let time = get_optional_time_millis(row, column)?;
    time.ok_or_else(|| StoreFailure::new("a stored time is missing"))
}

/// Like [`get_time_millis`], for a column that may be `NULL`.
pub(super) fn get_optional_time_millis(
    row: &Row,
    column: usize,
) -> Result<Option<DateTime<Utc>>, StoreFailure> {
    let Some(milliseconds) = get(row, column)? else {
        return Ok(None);
    };
    match DateTime::from_timestamp_millis(milliseconds) {
        Some(time) => Ok(Some(time)),
        None => Err(StoreFailure::new("a stored time is out of range")),
    }
}
