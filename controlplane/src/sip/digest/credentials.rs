//! The user and the password that prove who we are.

use std::fmt;

use zeroize::Zeroizing;

/// A user and a password. Neither is ever shown, and both are wiped from memory in the end.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) user: Zeroizing<String>,
    pub(super) password: Zeroizing<String>,
    pub(super) realm: Option<String>,
}

impl Credentials {
    /// For that realm, or for whoever asks where there is none.
    pub fn new(user: String, password: String, realm: Option<String>) -> Self {
        Self {
            user: Zeroizing::new(user),
            password: Zeroizing::new(password),
            realm,
        }
    }

    /// Whether they are meant for that realm.
    pub(super) fn fit(&self, realm: &str) -> bool {
        self.realm.as_deref().is_none_or(|own| own == realm)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_them() {
        let credentials = Credentials::new("anna".to_owned(), "secret".to_owned(), None);
        assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
    }
}
