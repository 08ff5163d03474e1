//! What the caller decides about generated code.

/// What the caller decides about generated code; everything has a default.
///
/// ```
/// let settings = dropshot_codegen::Settings::default()
///     .with_source("openapi.yaml")
///     .with_command("cargo xtask generate")
///     .with_json_body("crate::JsonBody")
///     .with_refusal("crate::refusal::refusal");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(crate) trait_name: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) json_body: Option<String>,
    pub(crate) refusal: Option<String>,
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

    /// The path of the extractor of JSON bodies, a type with the type of the body as its only parameter. It begins with `crate::` or
    /// `::`. By default `::dropshot::TypedBody`.
    pub fn with_json_body(mut self, path: impl Into<String>) -> Self {
        self.json_body = Some(path.into());
        self
    }

    /// The path of a `fn(dropshot::HttpError) -> dropshot::HttpError` that is applied to whatever is refused before a handler
    /// sees it, to give it an error code and headers: credentials, parameters, and bodies that are not JSON, whose extractor is another
    /// setting. What is refused as a websocket stays as dropshot words it. It begins with `crate::` or `::`. By default errors stay as they are.
    pub fn with_refusal(mut self, path: impl Into<String>) -> Self {
        self.refusal = Some(path.into());
        self
    }
}
