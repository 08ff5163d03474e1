use std::io::{self, Read};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use zeroize::Zeroizing;

use super::output::{self, FormatArgs};
use super::{Database, UsageError, operator, scope, tenant_domain};
use crate::app::{ManageError, user};
use crate::domain::change::Change;
use crate::domain::password::{Password, PasswordWeakness, Secret};
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::plural::Pluralized;
use crate::domain::role::{AnyRole, BuiltInTenantRole, TenantRole};
use crate::domain::user::{Membership, User, UserKey, Username};
use crate::random::OsRandom;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server user create alice --domain pbx.example.com
  pbx-login-server user create bob --role Dealer
  pbx-login-server user list --domain pbx.example.com
  pbx-login-server user set-role alice --domain pbx.example.com --role QueueManager

Without --domain, the command applies to system users.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a user; unless --password-stdin is given, a password is generated and printed
    #[command(after_help = "\
Examples:
  pbx-login-server user create alice --domain pbx.example.com
  pbx-login-server user create carol --domain pbx.example.com --role Admin --password-stdin < password
  pbx-login-server user create bob --role Dealer")]
    Create(Create),
    /// List all users, or those of a tenant
    #[command(after_help = "\
Examples:
  pbx-login-server user list
  pbx-login-server user list --domain pbx.example.com --format json")]
    List {
        /// List only users of the tenant with this domain
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Disable a user: the user cannot log in, and the user's sessions end
    #[command(after_help = "\
Example:
  pbx-login-server user disable alice --domain pbx.example.com")]
    Disable(UserArgs),
    /// Enable a user: the user can log in again
    #[command(after_help = "\
Example:
  pbx-login-server user enable alice --domain pbx.example.com")]
    Enable(UserArgs),
    /// Delete a user and end the user's sessions
    #[command(after_help = "\
Example:
  pbx-login-server user delete alice --domain pbx.example.com")]
    Delete(UserArgs),
    /// Change a user's password and end the user's sessions; prints a generated password by default
    #[command(after_help = "\
Examples:
  pbx-login-server user set-password alice --domain pbx.example.com
  pbx-login-server user set-password admin --password-stdin < password")]
    SetPassword {
        #[command(flatten)]
        user_args: UserArgs,
        #[command(flatten)]
        source: PasswordSource,
    },
    /// Change a user's role and end the user's sessions
    #[command(after_help = "\
Examples:
  pbx-login-server user set-role alice --domain pbx.example.com --role QueueManager
  pbx-login-server user set-role bob --role Replicator")]
    SetRole {
        #[command(flatten)]
        user_args: UserArgs,
        /// New role (case-insensitive)
        #[arg(long)]
        role: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    user_args: UserArgs,
    /// Role (case-insensitive) [default for users of a tenant: StandardUser]
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    source: PasswordSource,
}

#[derive(Debug, Args)]
pub(super) struct UserArgs {
    /// Name of the user
    name: String,
    /// Domain of the user's tenant; omit it for a system user
    #[arg(long)]
    domain: Option<String>,
}

impl UserArgs {
    fn key(&self) -> Result<UserKey> {
        Ok(UserKey {
            scope: scope(self.domain.as_deref())?,
            username: self.name.parse()?,
        })
    }

    fn in_role(&self, role: AnyRole) -> Result<(Username, Membership)> {
        let UserKey { scope, username } = self.key()?;
        let membership = Membership::new(scope, role).map_err(ManageError::from)?;
        Ok((username, membership))
    }
}

#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input; a trailing newline is removed
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    fn password(&self, policy: PasswordPolicy, user: &UserKey) -> Result<Password> {
        if self.password_stdin {
            return read_password(io::stdin().lock(), "standard input");
        }
        Ok(policy
            .generate(&OsRandom, user)
            .map_err(ManageError::from)?)
    }

    fn print_generated(&self, password: &Password) -> io::Result<()> {
        match self.password_stdin {
            true => Ok(()),
            false => output::line(&format!("password: {}", password.expose())),
        }
    }
}

/// Reads a password up to the end of the input; a trailing newline is removed.
pub(super) fn read_password(input: impl Read, name: &str) -> Result<Password> {
    // The longest password, its newline, and one more byte to detect a password that is too long.
    const MAX_INPUT_BYTES: usize = Password::MAX_BYTES + "\r\n".len() + 1;
    // Allocated once: a vector that grows leaves copies of the password in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_INPUT_BYTES));
    input
        .take(MAX_INPUT_BYTES as u64)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read the password from {name}"))?;
    let newline = |end: &[u8]| bytes.strip_suffix(end);
    let bytes = newline(b"\r\n").or(newline(b"\n")).unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("the password is not valid UTF-8; encode it in UTF-8"))?;
    Ok(Password::new(Secret::new(text.to_owned()))?)
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    username: String,
    domain: Option<String>,
    role: String,
    enabled: bool,
    password_weakness: Option<&'static str>,
    created_at: DateTime<Utc>,
}

impl From<User> for Row {
    fn from(user: User) -> Self {
        Self {
            id: user.public_id.to_string(),
            username: user.username.to_string(),
            domain: user.membership.domain().map(ToString::to_string),
            role: user.membership.role_name().to_owned(),
            enabled: user.enabled,
            password_weakness: user.password_weakness.map(PasswordWeakness::name),
            created_at: user.created_at,
        }
    }
}

pub(super) async fn run(command: Command, database: Database<'_>) -> Result<()> {
    match command {
        Command::Create(arguments) => create(&arguments, database).await,
        Command::List { domain, format } => {
            let domain = tenant_domain(domain.as_deref())?;
            let context = database.open().await?;
            let users = user::list(&context, domain.as_ref()).await?;
            let rows: Vec<Row> = users.into_iter().map(Row::from).collect();
            let header = ["USERNAME", "DOMAIN", "ROLE", "STATE", "CREATED"];
            Ok(format.print(&rows, header, |row| {
                [
                    row.username.clone(),
                    output::or_dash(row.domain.as_deref()),
                    row.role.clone(),
                    output::state(row.enabled),
                    output::time(row.created_at),
                ]
            })?)
        }
        Command::Disable(user_args) => {
            let key = user_args.key()?;
            let context = database.open().await?;
            Ok(output::line(
                &match user::disable(&context, &operator::source(), &key).await? {
                    Change::Applied { ended } => {
                        format!("disabled {key} and ended {}", Pluralized(ended, "session"))
                    }
                    Change::Unchanged => format!("{key} is already disabled"),
                },
            )?)
        }
        Command::Enable(user_args) => {
            let key = user_args.key()?;
            let context = database.open().await?;
            Ok(output::line(
                &match user::enable(&context, &operator::source(), &key).await? {
                    Change::Applied { .. } => format!("enabled {key}"),
                    Change::Unchanged => format!("{key} is already enabled"),
                },
            )?)
        }
        Command::Delete(user_args) => {
            let key = user_args.key()?;
            let context = database.open().await?;
            let ended = user::delete(&context, &operator::source(), &key).await?;
            Ok(output::line(&format!(
                "deleted {key} and ended {}",
                Pluralized(ended, "session")
            ))?)
        }
        Command::SetPassword { user_args, source } => {
            let key = user_args.key()?;
            let password = source.password(database.0.password_policy(), &key)?;
            let context = database.open().await?;
            let ended = user::set_password(&context, &operator::source(), &key, &password).await?;
            output::line(&format!(
                "changed the password of {key} and ended {}",
                Pluralized(ended, "session")
            ))?;
            Ok(source.print_generated(&password)?)
        }
        Command::SetRole { user_args, role } => {
            let (username, membership) = user_args.in_role(role.parse()?)?;
            let (key, role) = (user_args.key()?, membership.role_name());
            let context = database.open().await?;
            Ok(output::line(&match user::set_role(
                &context,
                &operator::source(),
                &username,
                &membership,
            )
            .await?
            {
                Change::Applied { ended } => format!(
                    "changed the role of {key} to {role} and ended {}",
                    Pluralized(ended, "session")
                ),
                Change::Unchanged => format!("{key} already has the role {role}"),
            })?)
        }
    }
}

async fn create(arguments: &Create, database: Database<'_>) -> Result<()> {
    let role = match (&arguments.role, &arguments.user_args.domain) {
        (Some(role), _) => role.parse()?,
        (None, Some(_)) => AnyRole::Tenant(TenantRole::BuiltIn(BuiltInTenantRole::StandardUser)),
        (None, None) => {
            return Err(UsageError(
                "a system user needs --role SystemAdmin, Replicator or Dealer; a tenant user needs --domain".to_owned(),
            )
            .into());
        }
    };
    let (username, membership) = arguments.user_args.in_role(role)?;
    let key = arguments.user_args.key()?;
    let password = arguments
        .source
        .password(database.0.password_policy(), &key)?;
    let context = database.open_or_create().await?;
    user::create(
        &context,
        &operator::source(),
        &username,
        &membership,
        &password,
    )
    .await?;
    output::line(&format!("created {key} ({})", membership.role_name()))?;
    Ok(arguments.source.print_generated(&password)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<String, String> {
        match read_password(input, "standard input") {
            Ok(password) => Ok(password.expose().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn trailing_newline_is_not_part_of_password() {
        for (input, expected) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            (" se\ncret \n", " se\ncret "),
            ("secr\r", "secr\r"),
        ] {
            assert_eq!(read(input.as_bytes()).as_deref(), Ok(expected), "{input:?}");
        }
    }

    #[test]
    fn invalid_password_is_refused() {
        let longest = "x".repeat(2048);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(
                read(format!("{longest}{end}").as_bytes()).as_ref(),
                Ok(&longest)
            );
        }
        let refusals = [
            read(b""),
            read(b"\n"),
            read(b"\r\n"),
            read(b"secret\xff"),
            read(format!("{longest}x").as_bytes()),
            read(format!("{longest}x\r\n").as_bytes()),
            // Truncated, it would equal the longest password with its newline.
            read(format!("{longest}\r\nx").as_bytes()),
            read("x".repeat(1 << 20).as_bytes()),
        ];
        insta::assert_snapshot!(refusals.map(Result::unwrap_err).join("\n"), @"
        the password is empty; choose one of at least 8 characters
        the password is empty; choose one of at least 8 characters
        the password is empty; choose one of at least 8 characters
        the password is not valid UTF-8; encode it in UTF-8
        the password is longer than 2048 bytes; choose a shorter one
        the password is longer than 2048 bytes; choose a shorter one
        the password is longer than 2048 bytes; choose a shorter one
        the password is longer than 2048 bytes; choose a shorter one
        ");
    }
}
