//! The password of a connection: from the URL, `PGPASSWORD` or a password file, as in libpq.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::PostgresOpenError;
use crate::store::url::{PostgresHost, PostgresUrl};
use crate::unix_user;

/// The environment variables from which a password is read.
#[derive(Clone, Default)]
pub(in crate::store) struct Environment {
    password: Option<OsString>,
    passfile: Option<PathBuf>,
    home: Option<PathBuf>,
    user: Option<String>,
}

impl Environment {
    /// Reads the environment of the process.
    pub(in crate::store) fn of_process() -> Self {
        Self {
            password: std::env::var_os("PGPASSWORD"),
            passfile: std::env::var_os("PGPASSFILE").map(PathBuf::from),
            home: std::env::var_os("HOME").map(PathBuf::from),
            user: std::env::var("USER").ok(),
        }
    }
}

/// The lines of a password file.
type Passwords = Option<Zeroizing<String>>;

/// Returns the password for each host of a URL.
pub(super) fn find_passwords(
    url: &PostgresUrl,
    environment: &Environment,
) -> Result<Vec<Option<Zeroizing<Vec<u8>>>>, PostgresOpenError> {
    let common = match (url.config().get_password(), &environment.password) {
        (Some(password), _) => Some(Zeroizing::new(password.to_vec())),
        (None, Some(password)) => Some(Zeroizing::new(password.as_encoded_bytes().to_vec())),
        (None, None) => None,
    };
    if common.is_some() {
        return Ok(vec![common; url.hosts().len()]);
    }
    let file = read_password_file(url, environment)?;
    let user = url.config().get_user().or(environment.user.as_deref());
    let user = user.unwrap_or_default();
    let database = url.config().get_dbname().unwrap_or(user);
    let passwords = url.hosts().iter().map(|host| {
        let lines = file.as_ref()?.lines();
        let mut found = lines.filter_map(|line| find_in_line(line, host, database, user));
        found.next()
    });
    Ok(passwords.collect())
}

/// Reads the file that the URL or `PGPASSFILE` names, which must exist, or else `~/.pgpass`.
fn read_password_file(
    url: &PostgresUrl,
    environment: &Environment,
) -> Result<Passwords, PostgresOpenError> {
    let named = url.passfile().or(environment.passfile.as_ref()).cloned();
    let default = environment.home.as_ref().map(|home| home.join(".pgpass"));
    let Some(path) = named.clone().or(default) else {
        return Ok(None);
    };
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let failed = |cause| PostgresOpenError::File {
        path: path.clone(),
        cause,
    };
    let metadata = std::fs::metadata(&path).map_err(failed)?;
    let user = rustix::process::geteuid().as_raw();
    check_access(&path, metadata.mode(), metadata.uid(), user)?;
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    Ok(Some(Zeroizing::new(text)))
}

/// Refuses a password file that others can access.
///
/// The file of another user, such as a secret of Kubernetes, is read through its group.
fn check_access(path: &Path, mode: u32, owner: u32, user: u32) -> Result<(), PostgresOpenError> {
    match owner == user {
        true if mode & 0o077 != 0 => Err(PostgresOpenError::ExposedPasswords(path.to_owned())),
        false if mode & 0o037 != 0 => Err(PostgresOpenError::ExposedPasswordsOf {
            path: path.to_owned(),
            owner: unix_user::name(owner).to_string_lossy().into_owned(),
            user,
        }),
        true | false => Ok(()),
    }
}

/// Returns the password of a line `host:port:database:user:password` that matches.
///
/// `*` matches everything.
fn find_in_line(
    line: &str,
    host: &PostgresHost,
    database: &str,
    user: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    if line.starts_with('#') {
        return None;
    }
    let fields = split_fields(line);
    let [pattern_host, port, pattern_database, pattern_user, password] = fields.as_slice() else {
        return None;
    };
    let matches = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    // A Unix socket in the default directory is `localhost`.
    let is_default_socket = host.name == PostgresHost::DEFAULT_SOCKET;
    let is_host = matches(pattern_host, &host.name)
        || (is_default_socket && pattern_host.as_str() == "localhost");
    let is_match = is_host
        && matches(port, &host.port.to_string())
        && matches(pattern_database, database)
        && matches(pattern_user, user);
    is_match.then(|| Zeroizing::new(password.as_bytes().to_vec()))
}

/// Splits a line at its first four colons. A backslash quotes the character after it.
fn split_fields(line: &str) -> Vec<Zeroizing<String>> {
    let mut fields = vec![Zeroizing::new(String::with_capacity(line.len()))];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let is_separator = character == ':' && fields.len() < 5;
        if is_separator {
            fields.push(Zeroizing::new(String::with_capacity(line.len())));
            continue;
        }
        let quoted = match character {
            '\\' => characters.next(),
            other => Some(other),
        };
        if let (Some(field), Some(character)) = (fields.last_mut(), quoted) {
            field.push(character);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::url::DatabaseUrl;

    fn find(url: &str, environment: &Environment) -> Vec<Option<String>> {
        let DatabaseUrl::Postgres(url) = url.parse().unwrap() else {
            panic!("not PostgreSQL");
        };
        let passwords = find_passwords(&url, environment).unwrap();
        let text = |password: Zeroizing<Vec<u8>>| String::from_utf8(password.to_vec()).unwrap();
        passwords.into_iter().map(|it| it.map(text)).collect()
    }

    fn some(password: &str) -> Option<String> {
        Some(password.to_owned())
    }

    #[test]
    fn password_file_is_read_through_its_group_only_if_it_belongs_to_another_user() {
        for (mode, own, of_another) in [
            (0o600, false, false),
            (0o440, true, false),
            (0o460, true, true),
            (0o444, true, true),
        ] {
            let refuses = |owner| check_access(Path::new("f"), mode, owner, 7).is_err();
            assert_eq!(refuses(7), own, "{mode:o}");
            assert_eq!(refuses(0), of_another, "{mode:o}");
        }
    }

    #[test]
    fn refusal_of_the_file_of_another_user_names_the_owner() {
        let path = Path::new("/run/secrets/pgpass");
        let refused = check_access(path, 0o644, 0, 65532).unwrap_err();
        insta::assert_snapshot!(refused, @"/run/secrets/pgpass belongs to root, and other users can read or change it; as root, run chown 65532 and chmod 0600 on it, or only chmod 0640 if user 65532 is in its group");
    }

    #[test]
    fn password_of_the_url_precedes_the_environment_and_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".pgpass");
        std::fs::write(
            &path,
            "# host:port:database:user:password\n\
            a:5432:x:u:of a\n\
            b\\:c:*:*:*:of\\:b:c\\\\\n\
            localhost:5432:*:*:of the socket\n\
            *:*:other:*:of another\n",
        )
        .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let environment = |password: Option<&str>| Environment {
            password: password.map(OsString::from),
            home: Some(directory.path().to_owned()),
            ..Environment::default()
        };
        let file = environment(None);
        let both = environment(Some("of the environment"));
        assert_eq!(find("postgres://u:of%20url@a/x", &both), [some("of url")]);
        assert_eq!(
            find("postgres://u@a/x", &both),
            [some("of the environment")]
        );
        assert_eq!(
            find("postgres://u@a,[b:c]:7,d/x", &file),
            [some("of a"), some("of:b:c\\"), None]
        );
        assert_eq!(find("postgres://u@a:5433/x", &file), [None]);
        assert_eq!(find("postgres://u@/x", &file), [some("of the socket")]);
        assert_eq!(find("postgres://u@d/other", &file), [some("of another")]);
        assert_eq!(find("postgres://u@a/x", &Environment::default()), [None]);
        let named = format!("postgres://u@a/x?passfile={}", path.display());
        assert_eq!(find(&named, &Environment::default()), [some("of a")]);
    }

    #[test]
    fn missing_or_exposed_password_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        let environment = Environment {
            passfile: Some(path.clone()),
            ..Environment::default()
        };
        let DatabaseUrl::Postgres(url) = "postgres://a/x".parse().unwrap() else {
            panic!("not PostgreSQL");
        };
        let refusal = || {
            let error = find_passwords(&url, &environment).unwrap_err().to_string();
            error.replace(&path.display().to_string(), "FILE")
        };
        let missing = refusal();
        std::fs::write(&path, "*:*:*:*:secret").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        insta::assert_snapshot!([missing, refusal()].join("\n"), @"
        cannot read FILE (No such file or directory (os error 2)); check the path and its permissions
        FILE can be read by other users; run chmod 0600 on it
        ");
    }
}
