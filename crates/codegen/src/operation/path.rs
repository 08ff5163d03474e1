//! Paths: what dropshot's router takes.

use openapi_contract::pointer;

use crate::base::refusal::Refusals;

/// The variables of a path, in its order.
pub(crate) fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// Checks paths against what dropshot's router takes; it would panic at the start of the server (dropshot 0.18, `router.rs`).
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
                "a path with a slash at its end",
                "remove it: dropshot takes both forms for the same",
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
                "a path with the same parameter twice",
                "rename one of them",
            );
        }
        if let Some(other) = known.iter().find(|other| clash(other, &segments)) {
            refusals.refuse(
                &at,
                format!("dropshot cannot tell this path and `/{}` apart", other.join("/")),
                "let paths with the same beginning go on with the same parameter, or with other words",
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
    // What RFC 3986 (section 3.3) allows in a segment and no percent-encoding, which dropshot would not take as such; and no `:`,
    // which marks a pattern in a parameter.
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&b))
        && ![".", ".."].contains(&text);
    if !plain {
        refusals.refuse(
            at,
            format!("`{segment}` cannot be a segment of a path"),
            "write a word of letters, digits, `-`, `.`, `_`, or one whole parameter in braces",
        );
    }
    plain
}

/// Whether two paths part at a node where one goes on with a parameter and the other with something else.
fn clash(one: &[&str], other: &[&str]) -> bool {
    match one.iter().zip(other).find(|(a, b)| a != b) {
        Some((a, b)) => a.starts_with('{') || b.starts_with('{'),
        None => false,
    }
}
