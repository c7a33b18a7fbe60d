use regorus::Value;

/// What a policy is made of: its modules and its data, all in memory.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The modules, in any order; those of one package add up.
    pub modules: Vec<Module>,
    /// What `data` holds beside the packages: an object. `Value::Undefined` (the default): nothing.
    pub data: Value,
}

impl Sources {
    /// Sources of one module, in Rego v1.
    ///
    /// ```
    /// use portcullis::authz::rego::Sources;
    ///
    /// let sources = Sources::module("main.rego", "package portcullis.authz\ndeny := false");
    /// assert_eq!(sources.modules[0].name, "main.rego");
    /// ```
    #[must_use]
    pub fn module(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::default().with(Module::new(name, text))
    }

    /// The same and this module.
    #[must_use]
    pub fn with(mut self, module: Module) -> Self {
        self.modules.push(module);
        self
    }

    /// The same with this data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self { modules: Vec::new(), data: Value::Undefined }
    }
}

/// The text of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// How errors name it: mostly a path.
    pub name: String,
    /// The text.
    pub text: String,
    /// How the text is read.
    pub version: RegoVersion,
}

impl Module {
    /// A module in Rego v1.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), version: RegoVersion::default() }
    }

    /// The same, read as this version.
    #[must_use]
    pub const fn with_version(mut self, version: RegoVersion) -> Self {
        self.version = version;
        self
    }
}

/// The version of the language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RegoVersion {
    /// Before OPA 1.0: `if` and `contains` only after `import rego.v1` or `import future.keywords`.
    V0,
    /// Since OPA 1.0.
    #[default]
    V1,
}
