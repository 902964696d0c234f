//! The message a container runtime sends with a listener.
//!
//! Source: the OCI runtime specification, `config-linux.md`, "The Container Process State": a runtime connects to
//! `listenerPath`, sends one such message with the descriptor, and closes.

use callgate::notify::{self, Listener};
use callgate_sys::{Error, scm};
use serde_json::{Map, Value, json};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The name of the listener among the descriptors of a message.
const LISTENER: &str = "seccompFd";

/// The most bytes of a message: annotations can be long, but not endless.
const MOST: usize = 1 << 20;

/// Whose listener it is (`containerProcessState`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessState {
    /// The version of the specification.
    pub oci_version: String,
    /// What the descriptors are, in their order; `seccompFd` is the listener.
    pub fds: Vec<String>,
    /// The container's process, as the runtime numbers it.
    pub pid: i32,
    /// The profile's `listenerMetadata`; empty if it has none.
    pub metadata: String,
    /// The container.
    pub state: State,
}

/// A container (`state`, the specification's `runtime.md`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The version of the specification.
    pub oci_version: String,
    /// Its name on this host.
    pub id: String,
    /// `creating`, `created`, `running`, `stopped`.
    pub status: String,
    /// Its first process.
    pub pid: i32,
    /// Its bundle's directory.
    pub bundle: String,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
}

/// Why a message is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateError {
    /// It is no such JSON.
    Malformed(String),
    /// It came with other descriptors than it says, or without a listener.
    Descriptors(String),
    /// It could not be received.
    Kernel(Error),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Malformed(what) => write!(f, "not a container process state: {what}"),
            StateError::Descriptors(what) => write!(f, "container process state: {what}"),
            StateError::Kernel(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for StateError {}

impl ProcessState {
    /// The state of a process that is started without a container: only the listener goes along.
    pub fn of_process(pid: i32, id: &str, metadata: &str) -> ProcessState {
        const VERSION: &str = "1.2.0";
        let state = State {
            oci_version: VERSION.to_owned(),
            id: id.to_owned(),
            status: "creating".to_owned(),
            pid,
            ..State::default()
        };
        ProcessState {
            oci_version: VERSION.to_owned(),
            fds: vec![LISTENER.to_owned()],
            pid,
            metadata: metadata.to_owned(),
            state,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let annotations: Map<String, Value> =
            self.state.annotations.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        let mut state = json!({
            "ociVersion": self.state.oci_version,
            "id": self.state.id,
            "status": self.state.status,
            "pid": self.state.pid,
            "bundle": self.state.bundle,
        });
        if !annotations.is_empty() {
            state["annotations"] = annotations.into();
        }
        let mut message = json!({
            "ociVersion": self.oci_version,
            "fds": self.fds,
            "pid": self.pid,
            "state": state,
        });
        if !self.metadata.is_empty() {
            message["metadata"] = json!(self.metadata);
        }
        message.to_string()
    }

    /// From JSON. Fields that later versions add are not looked at.
    ///
    /// # Errors
    ///
    /// [`StateError::Malformed`], with the field.
    pub fn from_json(text: &[u8]) -> Result<ProcessState, StateError> {
        let malformed = |what: &str| StateError::Malformed(what.to_owned());
        let message: Value =
            serde_json::from_slice(text).map_err(|e| StateError::Malformed(e.to_string()))?;
        let needed = |value: &Value, field: &str| {
            value[field]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| malformed(&format!("`{field}` is no string")))
        };
        let optional = |value: &Value, field: &str| match &value[field] {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            _ => Err(malformed(&format!("`{field}` is no string"))),
        };
        let number = |value: &Value, field: &str| match &value[field] {
            Value::Null => Ok(0),
            number => number
                .as_i64()
                .and_then(|n| i32::try_from(n).ok())
                .ok_or_else(|| malformed(&format!("`{field}` is no process id"))),
        };
        let fds = message["fds"].as_array().ok_or_else(|| malformed("`fds` is no list"))?;
        let fds: Option<Vec<String>> = fds.iter().map(|f| f.as_str().map(str::to_owned)).collect();
        let state = &message["state"];
        if !state.is_object() {
            return Err(malformed("`state` is missing"));
        }
        let annotations = match &state["annotations"] {
            Value::Null => Vec::new(),
            Value::Object(all) => all
                .iter()
                .map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect::<Option<_>>()
                .ok_or_else(|| malformed("an annotation is no string"))?,
            _ => return Err(malformed("`annotations` is no object")),
        };
        Ok(ProcessState {
            oci_version: needed(&message, "ociVersion")?,
            fds: fds.ok_or_else(|| malformed("`fds` holds something that is no string"))?,
            pid: number(&message, "pid")?,
            metadata: optional(&message, "metadata")?,
            state: State {
                oci_version: optional(state, "ociVersion")?,
                id: needed(state, "id")?,
                status: optional(state, "status")?,
                pid: number(state, "pid")?,
                bundle: optional(state, "bundle")?,
                annotations,
            },
        })
    }

    /// Sends it with a listener, as a runtime does to a `listenerPath`. The connection is to be closed then.
    ///
    /// # Errors
    ///
    /// As [`notify::Sender::send`].
    pub fn send(&self, socket: &impl AsFd, listener: &Listener) -> Result<(), Error> {
        notify::Sender::new(socket).send(listener, self.to_json().as_bytes())
    }

    /// Receives what one connection brings (`SOCK_STREAM` or `SOCK_SEQPACKET`): a message, complete or until the other
    /// side closes, with its listener. Descriptors that are not the listener are closed.
    ///
    /// # Errors
    ///
    /// A message that is none, or without a listener; `EAGAIN` when nothing came for ten seconds.
    pub fn receive(socket: &impl AsFd) -> Result<(ProcessState, Listener), StateError> {
        let mut text = Vec::new();
        let mut fds: Vec<OwnedFd> = Vec::new();
        let mut buffer = vec![0; MOST];
        patience(socket)?;
        // A sender may keep a copy of its end among what it sends: its closing is not waited for.
        while serde_json::from_slice::<Value>(&text).is_err() {
            let (len, more) = scm::recv(socket.as_fd(), &mut buffer).map_err(StateError::Kernel)?;
            fds.extend(more);
            if len == 0 {
                break;
            }
            text.extend(&buffer[..len]);
            if text.len() > MOST || fds.len() > scm::MAX_FDS {
                return Err(StateError::Malformed(format!("more than {MOST} bytes")));
            }
        }
        let state = ProcessState::from_json(&text)?;
        if state.fds.len() != fds.len() {
            let what = format!("{} descriptors are named, {} came", state.fds.len(), fds.len());
            return Err(StateError::Descriptors(what));
        }
        let Some(at) = state.fds.iter().position(|name| name == LISTENER) else {
            return Err(StateError::Descriptors(format!("none of its descriptors is `{LISTENER}`")));
        };
        let listener = Listener::new(fds.swap_remove(at)).map_err(StateError::Kernel)?;
        Ok((state, listener))
    }
}

/// Lets nobody who connects and says nothing keep this waiting.
fn patience(socket: &impl AsFd) -> Result<(), StateError> {
    let failed = |e: std::io::Error| {
        let errno = e.raw_os_error().unwrap_or_default();
        StateError::Kernel(Error::Call { call: "setsockopt(SO_RCVTIMEO)", errno, hint: "" })
    };
    // A copy of the descriptor: the option is the socket's own, whatever its type.
    let socket = UnixStream::from(socket.as_fd().try_clone_to_owned().map_err(failed)?);
    socket.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification shows one.
    const EXAMPLE: &str = r#"{
        "ociVersion": "1.0.2", "fds": ["other", "seccompFd"], "pid": 4422, "metadata": "MKNOD=/dev/null",
        "state": {"ociVersion": "1.0.2", "id": "c1", "status": "creating", "pid": 4422, "bundle": "/b",
                  "annotations": {"myKey": "myValue"}, "later": 1}, "later": []}"#;

    #[test]
    fn both_ways() {
        let state = ProcessState::from_json(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            (state.pid, state.metadata.as_str(), state.state.id.as_str()),
            (4422, "MKNOD=/dev/null", "c1")
        );
        assert_eq!(state.state.annotations, [("myKey".to_owned(), "myValue".to_owned())]);
        assert_eq!(ProcessState::from_json(state.to_json().as_bytes()), Ok(state));
        let own = ProcessState::of_process(7, "sh", "");
        assert_eq!(ProcessState::from_json(own.to_json().as_bytes()), Ok(own));
    }

    #[test]
    fn what_is_none() {
        for (from, to) in [
            ("[\"other\", \"seccompFd\"]", "7"),
            ("\"other\"", "7"),
            ("\"id\": \"c1\", ", ""),
            ("\"pid\": 4422", "\"pid\": \"x\""),
            ("\"myValue\"", "7"),
            ("}", ""),
        ] {
            let text = EXAMPLE.replace(from, to);
            assert!(
                matches!(ProcessState::from_json(text.as_bytes()), Err(StateError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_message_without_its_descriptors() {
        for (text, fds) in
            [(EXAMPLE, 1), (r#"{"ociVersion":"1","fds":["x"],"state":{"id":"x"}}"#, 1), ("", 0)]
        {
            let (near, far) = scm::seqpacket_pair().unwrap();
            if !text.is_empty() {
                scm::send(near.as_fd(), text.as_bytes(), &[near.as_fd()][..fds]).unwrap();
            }
            drop(near);
            assert!(ProcessState::receive(&far).is_err());
        }
    }
}
