//! Requires that every secured operation lists 401 and names declared schemes.

use crate::pointer::child;
use crate::{Contract, Finding};

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operation in contract.operations() {
        let schemes = contract.security_schemes(&operation.pointer);
        for (pointer, scheme) in &schemes {
            if contract
                .value()
                .pointer(&child("/components/securitySchemes", scheme))
                .is_none()
            {
                findings.push(contract.finding(
                    pointer,
                    format!("the security scheme `{scheme}` is not declared"),
                    "declare it under `components.securitySchemes`",
                ));
            }
        }
        let responses = child(&operation.pointer, "responses");
        if !schemes.is_empty()
            && contract
                .value()
                .pointer(&child(&responses, "401"))
                .is_none()
        {
            let name = format!("{} {}", operation.method, operation.path);
            findings.push(contract.finding(
                &responses,
                format!("{name} requires a credential but does not list 401"),
                "list the response '401', or write `security: []` if no credential is required",
            ));
        }
    }
    findings
}
