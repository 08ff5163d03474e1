//! What the caller decides about generated code.

/// What the caller decides about generated code; everything has a default.
///
/// ```
/// let settings = dropshot_codegen::Settings::default()
///     .with_source("openapi.yaml")
///     .with_command("cargo xtask generate")
///     .with_refusals("crate::refusal::ApiRefusals");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(crate) trait_name: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) refusals: Option<String>,
}

impl Settings {
    /// The name of the trait. By default the `title` of the contract, in upper camel case.
    pub fn with_trait_name(mut self, name: impl Into<String>) -> Self {
        self.trait_name = Some(name.into());
        self
    }

    /// What the first line of the code calls the contract. By default what it was called when it was parsed.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The command that generates the code anew, for its first line. By default none is named.
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// The path of a type that implements `dropshot_codegen_runtime::Refusals`, which shapes whatever is refused before a handler sees it:
    /// credentials, parameters and bodies, of which JSON is read by the runtime's `JsonBody` then. It begins with `crate::` or `::`.
    ///
    /// By default refusals stay as dropshot words them, and JSON is read by `dropshot::TypedBody`. What is refused as a websocket stays as
    /// dropshot words it in any case.
    pub fn with_refusals(mut self, path: impl Into<String>) -> Self {
        self.refusals = Some(path.into());
        self
    }
}
