//! The settings of code generation.

/// The settings of code generation; each has a default.
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
    pub(crate) operations_macro: Option<String>,
}

impl Settings {
    /// Sets the name of the trait; by default the `title` of the contract in upper camel case.
    pub fn with_trait_name(mut self, name: impl Into<String>) -> Self {
        self.trait_name = Some(name.into());
        self
    }

    /// Sets the contract's name in the first line of the code; by default its name when parsed.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the command that regenerates the code, for its first line; by default there is none.
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Sets the path of the type that shapes the refusals of extractors.
    ///
    /// The type implements `dropshot_codegen_runtime::Refusals`, and the path begins with `crate::` or `::`. It shapes
    /// refusals of credentials, parameters and bodies; JSON bodies are then read by the runtime's `JsonBody`.
    ///
    /// By default dropshot's errors are sent, and `dropshot::TypedBody` reads JSON. A refused websocket always gets
    /// dropshot's error.
    pub fn with_refusals(mut self, path: impl Into<String>) -> Self {
        self.refusals = Some(path.into());
        self
    }

    /// Sets the name of an exported macro that calls another macro with the methods of the trait.
    ///
    /// A service whose operations all begin alike, for example by authenticating the caller, implements the trait with
    /// it: the called macro has one rule for all methods. By default there is no such macro.
    ///
    /// In the crate of the generated code, declare its module with `#[macro_use]`, before the caller.
    pub fn with_operations_macro(mut self, name: impl Into<String>) -> Self {
        self.operations_macro = Some(name.into());
        self
    }
}
