//! Streaming of audit entries to the target of the setting `audit.log`.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use slog::{Logger, warn};

use super::output;
use crate::audit::stream::{AuditStream, StreamTarget};
use crate::config::Settings;
use crate::log::Sampler;
use crate::metrics::Metrics;

/// Starts the stream of a server, if one is configured; lost lines are counted and logged.
pub(super) fn start_for_server(
    settings: &Settings,
    metrics: &Arc<Metrics>,
    log: &Logger,
) -> anyhow::Result<Option<Arc<AuditStream>>> {
    let Some(target) = &settings.audit_log.0 else {
        return Ok(None);
    };
    let (metrics, log) = (Arc::clone(metrics), log.clone());
    let sampler = Sampler::default();
    let report = move |lost| {
        metrics.record_lost_audit_line();
        if let Some(suppressed) = sampler.sample(Instant::now()) {
            warn!(
                log, "an audit entry was not written to audit.log; it is in the database";
                "cause" => %lost, "suppressed" => suppressed
            );
        }
    };
    let stream = AuditStream::start(target, report).with_context(|| {
        let target = &settings.audit_log;
        format!("cannot open audit.log {target}; check the path and its permissions")
    })?;
    Ok(Some(Arc::new(stream)))
}

/// Starts the stream of a command, if the target is a file.
///
/// Standard output is for the command's own output. A lost line is only a warning, because its entry is in the
/// database.
pub(super) fn start_for_command(settings: &Settings) -> anyhow::Result<Option<Arc<AuditStream>>> {
    let Some(StreamTarget::File(path)) = &settings.audit_log.0 else {
        return Ok(None);
    };
    let shown = path.display().to_string();
    let report = move |lost| {
        let text = format!(
            "an audit entry was not written to audit.log {shown} ({lost}); it is in the database"
        );
        output::print_message("warning", &text);
    };
    Ok(Some(Arc::new(AuditStream::start_on_demand(path, report)?)))
}
