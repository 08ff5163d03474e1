//! Paths in the syntax of dropshot's router.

use openapi_contract::pointer;

use crate::base::refusal::Refusals;

pub(crate) fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// Refuses paths that would make dropshot's router panic when the server starts (0.18, `router.rs`).
pub(crate) fn check(refusals: &Refusals<'_>) {
    let Some(paths) = refusals.contract.value().get("paths") else {
        return;
    };
    let mut known: Vec<Vec<&str>> = Vec::new();
    for (at, path, _) in pointer::members("/paths", paths) {
        if path.starts_with("x-") {
            continue;
        }
        if path.len() > 1 && path.ends_with('/') {
            refusals.refuse(
                &at,
                "the path ends in a slash",
                "remove it: dropshot treats both forms as equal",
            );
            continue;
        }
        let segments: Vec<_> = path.split('/').skip(1).filter(|_| path != "/").collect();
        if !segments
            .iter()
            .all(|segment| check_segment(&at, segment, refusals))
        {
            continue;
        }
        let mut variables: Vec<_> = variables(path).collect();
        variables.sort_unstable();
        if variables.windows(2).any(|pair| pair[0] == pair[1]) {
            refusals.refuse(
                &at,
                "the path has two parameters of the same name",
                "rename one of them",
            );
        }
        if let Some(other) = known
            .iter()
            .find(|other| differ_at_parameter(other, &segments))
        {
            refusals.refuse(
                &at,
                format!(
                    "dropshot cannot distinguish this path from `/{}`",
                    other.join("/")
                ),
                "after a common prefix, use the same parameter in both paths, or only literal segments",
            );
        }
        known.push(segments);
    }
}

fn check_segment(at: &str, segment: &str, refusals: &Refusals<'_>) -> bool {
    let variable = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let text = variable.unwrap_or(segment);
    // RFC 3986, section 3.3. Percent-encoding is refused, because dropshot would not decode it, and `:` because it
    // begins a pattern in a parameter.
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&b))
        && ![".", ".."].contains(&text);
    if !plain {
        refusals.refuse(
            at,
            format!("`{segment}` cannot be a segment of a path"),
            "write letters, digits, `-`, `.` and `_`, or one parameter in braces",
        );
    }
    plain
}

/// Returns whether the first segment in which two paths differ is a parameter in one of them.
fn differ_at_parameter(one: &[&str], other: &[&str]) -> bool {
    match one.iter().zip(other).find(|(a, b)| a != b) {
        Some((a, b)) => a.starts_with('{') || b.starts_with('{'),
        None => false,
    }
}
