//! What can be set, and what each setting is called.

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Address of the API.
    Listen,
    /// Address for those who operate the server.
    OpsListen,
    /// URL of the database.
    Database,
    /// Password of the first administrator. There is no flag for it: those show in the list of processes.
    AdminPassword,
    /// How long a session lives.
    SessionLifetime,
    /// How long use can make a session live.
    SessionMaxLifetime,
    /// How many live sessions a user may have.
    SessionPerUser,
    /// How many sessions are kept in memory.
    CacheSessions,
    /// How many passwords may wait to be hashed.
    LoginQueue,
    /// How long a login may have to wait.
    LoginMaxWait,
    /// How much memory a hash takes.
    PasswordMemory,
    /// How many passes over it a hash takes.
    PasswordPasses,
    /// Whether failed logins are counted.
    ThrottleEnabled,
    /// How many failures in a row are free, for an account from one address.
    ThrottleFreeFailures,
    /// How long to wait after these.
    ThrottleFirstWait,
    /// How long to wait at most.
    ThrottleLongestWait,
    /// How many failures an address may have within its window.
    ThrottleAddressFailures,
    /// The window of an address.
    ThrottleAddressWindow,
    /// How many failures an account may have within its window.
    ThrottleAccountFailures,
    /// The window of an account.
    ThrottleAccountWindow,
    /// How long is told what happened.
    AuditRetention,
    /// How many rows that takes at most.
    AuditRows,
    /// What is logged.
    LogLevel,
    /// How it is logged.
    LogFormat,
    /// Whether TLS ends in a proxy in front.
    TlsTerminated,
    /// File with the certificate, where the server speaks TLS itself.
    TlsCertificate,
    /// File with its key.
    TlsKey,
    /// Which proxies are believed what address a client has.
    TrustedProxies,
}

impl Key {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Listen,
        Self::OpsListen,
        Self::Database,
        Self::AdminPassword,
        Self::SessionLifetime,
        Self::SessionMaxLifetime,
        Self::SessionPerUser,
        Self::CacheSessions,
        Self::LoginQueue,
        Self::LoginMaxWait,
        Self::PasswordMemory,
        Self::PasswordPasses,
        Self::ThrottleEnabled,
        Self::ThrottleFreeFailures,
        Self::ThrottleFirstWait,
        Self::ThrottleLongestWait,
        Self::ThrottleAddressFailures,
        Self::ThrottleAddressWindow,
        Self::ThrottleAccountFailures,
        Self::ThrottleAccountWindow,
        Self::AuditRetention,
        Self::AuditRows,
        Self::LogLevel,
        Self::LogFormat,
        Self::TlsTerminated,
        Self::TlsCertificate,
        Self::TlsKey,
        Self::TrustedProxies,
    ];

    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::OpsListen => "ops.listen",
            Self::Database => "database",
            Self::AdminPassword => "admin_password",
            Self::SessionLifetime => "session.lifetime",
            Self::SessionMaxLifetime => "session.max_lifetime",
            Self::SessionPerUser => "session.per_user",
            Self::CacheSessions => "cache.sessions",
            Self::LoginQueue => "login.queue",
            Self::LoginMaxWait => "login.max_wait",
            Self::PasswordMemory => "password.memory",
            Self::PasswordPasses => "password.passes",
            Self::ThrottleEnabled => "throttle.enabled",
            Self::ThrottleFreeFailures => "throttle.free_failures",
            Self::ThrottleFirstWait => "throttle.first_wait",
            Self::ThrottleLongestWait => "throttle.longest_wait",
            Self::ThrottleAddressFailures => "throttle.address_failures",
            Self::ThrottleAddressWindow => "throttle.address_window",
            Self::ThrottleAccountFailures => "throttle.account_failures",
            Self::ThrottleAccountWindow => "throttle.account_window",
            Self::AuditRetention => "audit.retention",
            Self::AuditRows => "audit.rows",
            Self::LogLevel => "log.level",
            Self::LogFormat => "log.format",
            Self::TlsTerminated => "tls.terminated",
            Self::TlsCertificate => "tls.certificate",
            Self::TlsKey => "tls.key",
            Self::TrustedProxies => "trusted_proxies",
        }
    }

    /// How its value may stand in the file, where it need not be text.
    pub(super) fn form(self) -> Form {
        match self {
            Self::ThrottleEnabled | Self::TlsTerminated => Form::Truth,
            Self::SessionPerUser
            | Self::CacheSessions
            | Self::LoginQueue
            | Self::PasswordMemory
            | Self::PasswordPasses
            | Self::ThrottleFreeFailures
            | Self::ThrottleAddressFailures
            | Self::ThrottleAccountFailures
            | Self::AuditRows => Form::Number,
            Self::TrustedProxies => Form::List,
            Self::Listen
            | Self::OpsListen
            | Self::Database
            | Self::AdminPassword
            | Self::SessionLifetime
            | Self::LoginMaxWait
            | Self::SessionMaxLifetime
            | Self::ThrottleFirstWait
            | Self::ThrottleLongestWait
            | Self::ThrottleAddressWindow
            | Self::ThrottleAccountWindow
            | Self::AuditRetention
            | Self::LogLevel
            | Self::LogFormat
            | Self::TlsCertificate
            | Self::TlsKey => Form::Text,
        }
    }

    /// Its environment variable.
    #[must_use]
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.name().to_uppercase().replace('.', "_"))
    }

    /// Its flag. [`Key::AdminPassword`] is never read from one.
    #[must_use]
    pub fn flag(self) -> String {
        format!("--{}", self.name().replace(['.', '_'], "-"))
    }
}

/// How values stand in the file. Text is understood for each: `"true"` is `true`.
pub(super) enum Form {
    Text,
    Truth,
    Number,
    List,
}

impl Form {
    pub(super) fn wrong(&self) -> &'static str {
        match self {
            Self::Text => "it is no text; put it in quotation marks",
            Self::Truth => "it is neither true nor false; write one of them",
            Self::List => "it is no list of texts; write one such as [\"10.0.0.0/8\"]",
            Self::Number => "it is no whole number; write one such as 5",
        }
    }
}

/// What the environment variables start with.
pub(super) const PREFIX: &str = "PBX_LOGIN_";
