//! What the Kubernetes versions make different.

use std::fmt;
use std::str::FromStr;

/// The newest version whose rules are known here.
const NEWEST: u32 = 36;

/// A version of Kubernetes that reads an AuthorizationConfiguration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KubernetesVersion {
    minor: u32,
}

impl KubernetesVersion {
    /// Whether this is newer than what is known here.
    pub(super) const fn is_unknown(self) -> bool {
        self.minor > NEWEST
    }

    /// The API version of AuthorizationConfiguration.
    pub(super) const fn authorization_configuration(self) -> &'static str {
        if self.minor < 32 { "v1beta1" } else { "v1" }
    }

    /// Whether the cache of a webhook can be turned off (S-ACFG-4). Older servers refuse the fields.
    pub(super) const fn can_do_without_cache(self) -> bool {
        self.minor >= 34
    }

    /// The API version of kubeadm's ClusterConfiguration.
    pub(super) const fn cluster_configuration(self) -> &'static str {
        if self.minor < 31 { "v1beta3" } else { "v1beta4" }
    }

    /// Whether that version has flags as a list; as an object before.
    pub(super) const fn lists_flags(self) -> bool {
        self.minor >= 31
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

impl FromStr for KubernetesVersion {
    type Err = String;

    /// Reads `1.36`, `v1.36` and `v1.36.2-anything`.
    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || "write a version such as 1.36".to_owned();
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        let (Some("1"), Some(minor)) = (parts.next(), parts.next()) else {
            return Err(unreadable());
        };
        if !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unreadable());
        }
        match minor.parse().map_err(|_| unreadable())? {
            0..30 => {
                Err("servers before 1.30 read no AuthorizationConfiguration (1.29 only behind \
                          an alpha gate), so the webhook could not be kept away from the control \
                          plane; upgrade first"
                    .to_owned())
            }
            minor => Ok(Self { minor }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_and_servers_write_them() {
        for text in ["1.36", "v1.36", "v1.36.2", "1.36.0-rc.1+k3s1"] {
            assert_eq!(text.parse(), Ok(KubernetesVersion { minor: 36 }), "{text}");
        }
        for text in ["", "1", "36", "2.0", "1.x", "1.+36", "1. 36", "v", "1.99999999999"] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_version_gets_what_it_understands_and_older_ones_are_refused() {
        assert!("1.29".parse::<KubernetesVersion>().is_err());
        for (text, api, without_cache, kubeadm) in [
            ("1.30", "v1beta1", false, "v1beta3"),
            ("1.31", "v1beta1", false, "v1beta4"),
            ("1.32", "v1", false, "v1beta4"),
            ("1.33", "v1", false, "v1beta4"),
            ("1.34", "v1", true, "v1beta4"),
            ("1.36", "v1", true, "v1beta4"),
        ] {
            let version: KubernetesVersion = text.parse().unwrap();
            assert_eq!(version.authorization_configuration(), api, "{text}");
            assert_eq!(version.can_do_without_cache(), without_cache, "{text}");
            assert_eq!(version.cluster_configuration(), kubeadm, "{text}");
            assert_eq!(version.lists_flags(), kubeadm == "v1beta4", "{text}");
            assert_eq!(version.to_string(), text);
        }
        assert!(!"1.36".parse::<KubernetesVersion>().unwrap().is_unknown());
        assert!("1.37".parse::<KubernetesVersion>().unwrap().is_unknown());
    }
}
