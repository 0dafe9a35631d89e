//! The socket's file: made, given to a group, and taken away again.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::Group;

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// Why the control socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("the folder {0} of the control socket does not exist: create it")]
    NoFolder(PathBuf),
    #[error("{0} exists and is not a socket: move it away, or choose another path")]
    NotASocket(PathBuf),
    #[error("another server answers at {0}: stop it, or choose another path")]
    InUse(PathBuf),
    #[error("there is no group {0}: create it, or name another one for the control socket")]
    NoGroup(String),
    #[error("cannot {what} the control socket {path}: {error}")]
    System {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

/// The file of a bound socket. It goes when this does.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Binds a listening socket at `path`, for its owner and `group`. A file that a dead server left
/// behind is replaced, and one where a server answers is not.
pub(super) fn open(
    path: &Path,
    group: Option<&str>,
) -> Result<(UnixListener, SocketFile), BindError> {
    let system = |what: &'static str, error: io::Error| BindError::System {
        what,
        path: path.to_owned(),
        error,
    };
    let folder = path.parent().unwrap_or(path);
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        return Err(BindError::NoFolder(folder.to_owned()));
    }
    let group = group.map(|name| match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(BindError::NoGroup(name.to_owned())),
        Err(error) => Err(system("find the group of", error.into())),
    });
    let group = group.transpose()?;
    clear(path)?;

    let fd = stream_socket().map_err(|error| system("create", error.into()))?;
    let address = UnixAddr::new(path).map_err(|error| system("name", error.into()))?;
    // The file takes its mode from the descriptor: nobody else can connect before its group is set.
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR)
        .and_then(|()| bind(fd.as_raw_fd(), &address))
        .map_err(|error| system("bind", error.into()))?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(path).map_err(|error| system("find", error))?,
    };
    if group.is_some() {
        chown(path, None, group).map_err(|error| system("set the group of", error))?;
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))
        .map_err(|error| system("set the mode of", error))?;
    Backlog::new(128)
        .and_then(|backlog| listen(&fd, backlog))
        .map_err(|error| system("listen at", error.into()))?;
    let listener = std::os::unix::net::UnixListener::from(fd);
    Ok((UnixListener::from_std(listener), file))
}

/// Makes room at `path` where a dead server left its socket.
fn clear(path: &Path) -> Result<(), BindError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    let system = |what: &'static str, error: io::Error| BindError::System {
        what,
        path: path.to_owned(),
        error,
    };
    let fd = stream_socket().map_err(|error| system("probe", error.into()))?;
    let address = UnixAddr::new(path).map_err(|error| system("name", error.into()))?;
    match connect(fd.as_raw_fd(), &address) {
        // EAGAIN: so many clients wait there that there is no place for one more.
        Ok(()) | Err(Errno::EAGAIN) => Err(BindError::InUse(path.to_owned())),
        Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(|error| system("replace", error)),
        Err(error) => Err(system("probe", error.into())),
    }
}

fn stream_socket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

/// What tells a file from another one in its place: device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    /// Removes the file, unless somebody has put another one in its place.
    fn drop(&mut self) {
        let is_ours = identity(&self.path).is_ok_and(|found| found == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the control socket");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn owner_and_group_may_connect_and_the_file_goes_with_its_owner() {
        let folder = folder();
        let path = folder.path().join("s");
        let own = Group::from_gid(nix::unistd::getgid()).unwrap().unwrap();
        let (listener, file) = open(&path, Some(&own.name)).unwrap();
        assert_eq!(mode(&path), 0o660);
        UnixStream::connect(&path).unwrap();
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_servers_file_is_replaced_and_a_live_ones_is_not() {
        let folder = folder();
        let path = folder.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let _alive = open(&path, None).unwrap();
        let refused = open(&path, None).unwrap_err();
        assert!(matches!(refused, BindError::InUse(_)), "{refused}");
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_file_that_took_the_place_stays() {
        let folder = folder();
        let path = folder.path().join("s");
        let opened = open(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "x").unwrap();
        drop(opened);
        assert!(path.exists());
        let refused = open(&path, None).unwrap_err();
        assert!(matches!(refused, BindError::NotASocket(_)), "{refused}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = folder();
        let refused = open(&folder.path().join("none/s"), None).unwrap_err();
        assert!(matches!(refused, BindError::NoFolder(_)), "{refused}");
        let refused = open(&folder.path().join("s"), Some("no such group")).unwrap_err();
        assert!(matches!(refused, BindError::NoGroup(_)), "{refused}");
        let long = folder.path().join("s".repeat(120));
        let refused = open(&long, None).unwrap_err().to_string();
        assert!(
            refused.starts_with("cannot name the control socket"),
            "{refused}"
        );
    }
}
