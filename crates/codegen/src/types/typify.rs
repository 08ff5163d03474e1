//! Calls typify, and finds the schema that makes it fail.

use std::{
    collections::{HashMap, HashSet},
    panic,
};

use proc_macro2::Ident;
use typify::{TypeSpace, TypeSpaceSettings};

use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, references};
use crate::types::lower::Definition;
use crate::types::path::MAP;

/// Generates the types; each secret has its name for typify and its name in Rust.
pub(super) fn run(
    definitions: &[Definition],
    secrets: &[(&str, &Ident)],
    refusals: &Refusals<'_>,
) -> Option<syn::File> {
    match try_run(definitions.iter(), secrets) {
        Ok(file) => Some(file),
        Err(reason) => {
            let (at, reason) =
                find_failing(definitions, secrets).unwrap_or((SCHEMAS.to_owned(), reason));
            refusals.refuse(
                &at,
                format!("typify cannot generate a type: {reason}"),
                "simplify the schema",
            );
            None
        }
    }
}

/// Finds the smallest set of definitions that typify rejects; returns its first, with the reason.
fn find_failing(
    definitions: &[Definition],
    secrets: &[(&str, &Ident)],
) -> Option<(String, String)> {
    let by_key: HashMap<&str, &Definition> = definitions
        .iter()
        .map(|definition| (definition.key.as_str(), definition))
        .collect();
    let mut sets: Vec<_> = definitions
        .iter()
        .map(|definition| dependencies(definition, &by_key))
        .collect();
    sets.sort_by_key(Vec::len);
    sets.into_iter().find_map(|dependencies| {
        let reason = try_run(dependencies.iter().copied(), secrets).err()?;
        Some((dependencies.first()?.at.clone(), reason))
    })
}

fn dependencies<'a>(
    definition: &'a Definition,
    by_key: &HashMap<&str, &'a Definition>,
) -> Vec<&'a Definition> {
    let mut dependencies = vec![definition];
    let mut known = HashSet::from([definition.key.as_str()]);
    let mut next = 0;
    while let Some(definition) = dependencies.get(next).copied() {
        next += 1;
        for key in references(&definition.schema) {
            if let Some(other) = by_key.get(key)
                && known.insert(&other.key)
            {
                dependencies.push(other);
            }
        }
    }
    dependencies
}

fn try_run<'a>(
    definitions: impl Iterator<Item = &'a Definition>,
    secrets: &[(&str, &Ident)],
) -> Result<syn::File, String> {
    let mut settings = TypeSpaceSettings::default();
    settings.with_map_type(MAP);
    let mut schemas = Vec::new();
    for (key, ident) in secrets {
        settings.with_replacement(ident, ident, std::iter::empty());
        let text = serde_json::json!({ "type": "string" });
        schemas.push(((*key).to_owned(), text));
    }
    for definition in definitions {
        schemas.push((definition.key.clone(), definition.schema.clone()));
    }
    let schemas = schemas
        .into_iter()
        .map(|(key, schema)| {
            Ok((
                key,
                serde_json::from_value::<schemars::schema::Schema>(schema)?,
            ))
        })
        .collect::<Result<Vec<_>, serde_json::Error>>()
        .map_err(|error| error.to_string())?;
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let mut space = TypeSpace::new(&settings);
        space.add_ref_types(schemas).map(|()| space.to_stream())
    }));
    match outcome {
        Ok(Ok(stream)) => {
            syn::parse2(stream).map_err(|error| format!("its output is not valid Rust: {error}"))
        }
        Ok(Err(typify::Error::InvalidSchema { reason, .. })) => Err(reason),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("typify panicked".to_owned()),
    }
}
