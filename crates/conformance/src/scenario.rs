use crate::drive::{Abort, Drive};
use crate::report::Problem;

/// A named sequence of requests that reaches a status that does not follow from the contract.
///
/// It runs once over HTTP and once through the generated client. `run` sends requests with the [`Drive`]; `?` ends a
/// scenario that cannot continue, because the reason was already recorded.
///
/// ```no_run
/// # use dropshot_conformance::{Expect, Request, Scenario};
/// # struct Notes;
/// const SCENARIOS: &[Scenario<Notes>] = &[
///     Scenario::new("deleted note is not found", "showNote", 404, |drive, _notes| {
///         let operation = drive.operation("showNote")?;
///         let request = Request::to(&operation).path("id", "none").header("x-api-key", "verify");
///         drive.send_expecting(&operation, &request, Expect::Status(404)).map(drop)
///     }),
/// ];
/// ```
#[derive(Debug)]
pub struct Scenario<H> {
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    run: fn(&mut Drive<'_, '_>, &H) -> Result<(), Abort>,
}

impl<H> Scenario<H> {
    /// Creates a scenario that reaches `status` of the operation with the id `operation`.
    pub const fn new(
        name: &'static str,
        operation: &'static str,
        status: u16,
        run: fn(&mut Drive<'_, '_>, &H) -> Result<(), Abort>,
    ) -> Self {
        Self {
            name,
            operation,
            status,
            run,
        }
    }

    /// Runs the scenario, and reports it if it misses its status, because that would hide a gap.
    pub(crate) fn run(&self, drive: &mut Drive, harness: &H) {
        drive.begin_scenario(self.name);
        if (self.run)(drive, harness).is_ok() && !drive.has_reached(self.operation, self.status) {
            let problem = Problem::new(format!(
                "the scenario \"{}\" does not reach {} {}",
                self.name, self.operation, self.status
            ));
            drive.fail("", problem.help("fix the scenario"));
        }
    }
}
