//! Calls operations that require neither parameters nor a body, and so need no scenario.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::drive::Drive;
use crate::drive::exchange::Request;
use crate::harness::Harness;
use openapi_contract::pointer::child;

use super::secured;

/// Calls each such operation with each of its security schemes, or without a credential.
///
/// `only` limits the schemes to one.
pub(crate) fn run<H: Harness>(drive: &mut Drive, harness: &H, only: Option<&str>) {
    let contract = drive.contract();
    for operation in contract.operations() {
        if requires_input(contract, &operation) {
            continue;
        }
        drive.begin_scenario("a request without parameters or a body");
        let schemes = secured::scheme_names(contract, &operation);
        let request = Request::to(&operation);
        if schemes.is_empty() {
            let _ = drive.send(&operation, &request);
        }
        for scheme in schemes {
            if only.is_some_and(|only| only != scheme) {
                continue;
            }
            let request = request.clone();
            let authorized =
                secured::authorize_by(drive, harness, &operation, request, &scheme, &mut None);
            // A response other than a success is ignored, because a scenario may reach the success.
            if let Ok(request) = authorized {
                let _ = drive.send(&operation, &request);
            }
        }
    }
}

fn requires_input(contract: &Contract, operation: &OperationRef) -> bool {
    let required = |pointer: &str| {
        let node = contract.resolve(pointer).map(|(_, node)| node);
        node.is_ok_and(|node| node.get("required") == Some(&Value::Bool(true)))
    };
    let lists = [
        child(&child("/paths", &operation.path), "parameters"),
        child(&operation.pointer, "parameters"),
    ];
    let parameter = lists.iter().any(|list| {
        let listed = contract.value().pointer(list).and_then(Value::as_array);
        (0..listed.map_or(0, Vec::len)).any(|index| required(&format!("{list}/{index}")))
    });
    parameter || required(&child(&operation.pointer, "requestBody"))
}
