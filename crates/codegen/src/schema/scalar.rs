//! The Rust types of strings and numbers, by their formats, and the ranges of these types.

use serde_json::{Value, json};

/// The string formats that have a Rust type of their own, which ignores lengths and patterns.
pub(crate) const NATIVE: [&str; 6] = ["uuid", "date", "date-time", "ip", "ipv4", "ipv6"];

pub(crate) fn native(node: &Value) -> Option<&str> {
    let format = node.get("format")?.as_str()?;
    NATIVE.into_iter().find(|native| *native == format)
}

#[derive(Clone, Copy)]
pub(crate) struct Integer {
    pub(crate) name: &'static str,
    /// The `NonZero` type, for unsigned integers.
    non_zero: Option<&'static str>,
    format: &'static str,
    pub(crate) min: i128,
    pub(crate) max: i128,
}

impl Integer {
    pub(crate) fn is_signed(&self) -> bool {
        self.min < 0
    }
}

macro_rules! integers {
    ($($format:literal $name:ident $($non_zero:literal)?;)*) => {
        [$(Integer {
            name: stringify!($name),
            non_zero: [$($non_zero,)?].first().copied(),
            format: $format,
            // `i128` can represent the limits of each of these types.
            min: $name::MIN as i128,
            max: $name::MAX as i128,
        }),*]
    };
}

/// The integers of typify 0.8 (`convert.rs`), without `int` and `uint`.
///
/// typify reads those as 32 bits wide, while schemars writes them for `isize` and `usize`.
static INTEGERS: std::sync::LazyLock<[Integer; 8]> = std::sync::LazyLock::new(|| {
    integers! {
        "int8" i8;
        "uint8" u8 "::std::num::NonZeroU8";
        "int16" i16;
        "uint16" u16 "::std::num::NonZeroU16";
        "int32" i32;
        "uint32" u32 "::std::num::NonZeroU32";
        "int64" i64;
        "uint64" u64 "::std::num::NonZeroU64";
    }
});

/// Returns an integer such as `1` or `1.0`; `None` if the value is not one, or is not exact.
pub(crate) fn as_integer(value: &Value) -> Option<i128> {
    let exact = value.as_i64().map(i128::from);
    exact
        .or_else(|| value.as_u64().map(i128::from))
        .or_else(|| {
            // Up to 2^53, `f64` represents every integer exactly.
            let float = value
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0)?;
            format!("{float:.0}").parse().ok()
        })
}

/// Returns the minimum and maximum of an integer schema; exclusive bounds are converted.
pub(crate) fn range(node: &Value) -> (Option<i128>, Option<i128>) {
    let bound = |keyword, exclusive, step: i128| {
        let bound = as_integer(node.get(keyword)?)?;
        let is_exclusive = node.get(exclusive) == Some(&Value::Bool(true));
        Some(if is_exclusive { bound + step } else { bound })
    };
    (
        bound("minimum", "exclusiveMinimum", 1),
        bound("maximum", "exclusiveMaximum", -1),
    )
}

/// Returns the type of the format, else `u64` if no negative number is valid, else `i64`.
pub(crate) fn integer(node: &Value) -> Integer {
    let format = node.get("format").and_then(Value::as_str);
    let by_format = INTEGERS
        .iter()
        .find(|integer| Some(integer.format) == format);
    let unsigned = range(node).0.is_some_and(|min| min >= 0)
        || format.is_some_and(|format| format.starts_with("uint"));
    *by_format.unwrap_or(&INTEGERS[if unsigned { 7 } else { 6 }])
}

/// Returns the type's name, its schema for typify, and whether the type excludes zero.
pub(crate) fn integer_type(node: &Value) -> (&'static str, Value, bool) {
    let integer = integer(node);
    let plain = json!({ "type": "integer", "format": integer.format });
    match integer.non_zero {
        Some(name) if range(node).0 == Some(1) && has_no_other_bound(node, &integer) => {
            let mut schema = plain;
            schema["minimum"] = 1.into();
            (name, schema, true)
        }
        _ => (integer.name, plain, false),
    }
}

fn has_no_other_bound(node: &Value, integer: &Integer) -> bool {
    range(node).1.is_none_or(|max| max >= integer.max) && node.get("multipleOf").is_none()
}

pub(crate) fn is_single(node: &Value) -> bool {
    node.get("format").and_then(Value::as_str) == Some("float")
}
