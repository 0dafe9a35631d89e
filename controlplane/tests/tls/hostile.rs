//! Peers that do not behave.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConnection, ServerConfig, ServerConnection};
use sixreel_controlplane::transport::Received;

use super::pki::{Identity, NOW, Pki};
use super::world::{PATIENCE, Side, is_request, request, settle, to, until};

const RECORDER: &str = "\"sips:rec@srs.example\"";

/// A client that believes an authority, and a certificate of that authority.
fn client(pki: &Pki) -> (Side, Identity) {
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let tls = format!("authorities = [{:?}]\n", authority.file);
    (Side::client(&tls, &[RECORDER]), theirs)
}

/// What a client is told of a recorder that treats its first connection so.
fn told_of(us: &mut Side, peer: impl FnOnce(TcpStream) + Send + 'static) -> Vec<Received> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    us.send(to(0, address), &request("a", "h"));
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        peer(stream);
    });
    until(&mut [us], |sides| {
        let is_end = |received: &Received| matches!(received, Received::Unreachable { .. });
        sides[0].came.iter().any(is_end)
    });
    peer.join().unwrap();
    us.take()
}

fn troubles(told: &[Received]) -> Vec<&str> {
    let mut troubles = Vec::new();
    for received in told {
        if let Received::Trouble { why, .. } = received {
            troubles.push(why.as_str());
        }
    }
    troubles
}

fn server(
    identity: &Identity,
    version: &'static rustls::SupportedProtocolVersion,
) -> ServerConnection {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_file_iter(&identity.certificate).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&identity.key).unwrap(),
        );
    ServerConnection::new(Arc::new(config.unwrap())).unwrap()
}

/// Shakes hands and reads the client's request.
fn shake_hands(stream: &mut TcpStream, tls: &mut ServerConnection) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 1000];
        let count = rustls::Stream::new(tls, stream).read(&mut bytes).unwrap();
        read.extend_from_slice(&bytes[..count]);
    }
}

#[test]
fn both_versions_are_spoken() {
    for (version, number) in [
        (&rustls::version::TLS12, "1.2"),
        (&rustls::version::TLS13, "1.3"),
    ] {
        let pki = Pki::new();
        let (mut us, theirs) = client(&pki);
        let told = told_of(&mut us, move |mut stream| {
            let mut tls = server(&theirs, version);
            shake_hands(&mut stream, &mut tls);
            let answer = request("b", "h");
            let mut stream = rustls::Stream::new(&mut tls, &mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        assert!(
            is_request(&told[0]) && told.len() == 2,
            "{number}: {told:?}"
        );
    }
}

#[test]
fn what_speaks_no_tls_is_told() {
    let pki = Pki::new();
    let (mut us, _) = client(&pki);
    for answer in [
        &b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
        &[0; 600],
    ] {
        let told = told_of(&mut us, move |mut stream| {
            stream.write_all(answer).unwrap();
            while matches!(stream.read(&mut [0; 600]), Ok(count) if count > 0) {}
        });
        assert_eq!(
            troubles(&told),
            [
                "the recorder does not speak TLS at that port: see whether the port is right, \
                 which for TLS is 5061 unless the recorder's operator says otherwise"
            ]
        );
    }
}

#[test]
fn who_hangs_up_before_tls_is_agreed_on_is_told() {
    let pki = Pki::new();
    let (mut us, _) = client(&pki);
    let told = told_of(&mut us, |mut stream| {
        assert!(stream.read(&mut [0; 600]).unwrap() > 0);
        stream.shutdown(Shutdown::Write).unwrap();
        while matches!(stream.read(&mut [0; 600]), Ok(count) if count > 0) {}
    });
    let [why] = troubles(&told)[..] else {
        panic!("{told:?}");
    };
    assert!(
        why.ends_with(
            " closed the connection before TLS was agreed on: see whether that port is the one \
             for TLS, and the recorder's log"
        ),
        "{why}"
    );
}

#[test]
fn rubbish_within_tls_ends_the_connection_with_the_reason() {
    let pki = Pki::new();
    let (mut us, theirs) = client(&pki);
    let told = told_of(&mut us, move |mut stream| {
        let mut tls = server(&theirs, &rustls::version::TLS13);
        shake_hands(&mut stream, &mut tls);
        stream.write_all(&[0x17, 3, 3, 0, 20]).unwrap();
        stream.write_all(&[0; 20]).unwrap();
        while matches!(stream.read(&mut [0; 600]), Ok(count) if count > 0) {}
    });
    let [why] = troubles(&told)[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        why,
        "TLS with the recorder failed: cannot decrypt peer's message"
    );
}

#[test]
fn a_renegotiation_is_not_taken_part_in() {
    let pki = Pki::new();
    let (mut us, theirs) = client(&pki);
    let told = told_of(&mut us, move |mut stream| {
        let mut tls = server(&theirs, &rustls::version::TLS12);
        shake_hands(&mut stream, &mut tls);
        // HelloRequest in clear, as nobody may send it now.
        stream.write_all(&[22, 3, 3, 0, 4, 0, 0, 0, 0]).unwrap();
        while matches!(stream.read(&mut [0; 600]), Ok(count) if count > 0) {}
    });
    assert_eq!(told.len(), 2, "it is over: {told:?}");
}

#[test]
fn half_closed_is_closed_with_and_without_a_goodbye() {
    for goodbye in [true, false] {
        let pki = Pki::new();
        let (mut us, theirs) = client(&pki);
        let told = told_of(&mut us, move |mut stream| {
            let mut tls = server(&theirs, &rustls::version::TLS13);
            shake_hands(&mut stream, &mut tls);
            if goodbye {
                tls.send_close_notify();
                tls.write_tls(&mut stream).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
            while matches!(stream.read(&mut [0; 600]), Ok(count) if count > 0) {}
        });
        assert!(
            matches!(told[..], [Received::Unreachable { .. }]),
            "{told:?}"
        );
    }
}

#[test]
fn who_takes_a_connection_and_says_nothing_is_given_up() {
    let pki = Pki::new();
    let (mut us, _) = client(&pki);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    us.send(to(0, address), &request("a", "h"));
    let (_silent, _) = listener.accept().unwrap();
    settle(&mut [&mut us]);
    us.now += Duration::from_millis(2499);
    settle(&mut [&mut us]);
    assert_eq!(us.came, []);
    us.now += Duration::from_millis(1);
    settle(&mut [&mut us]);
    assert_eq!(
        troubles(&us.came),
        [format!(
            "{address} took a connection and agreed on no TLS within 2500 ms: see whether that \
             port is the one for TLS"
        )]
    );
}

#[test]
fn who_does_not_even_take_a_connection_is_given_up() {
    let pki = Pki::new();
    let (mut us, _) = client(&pki);
    let (_listening, address, _first) = full();
    us.send(to(0, address), &request("a", "h"));
    settle(&mut [&mut us]);
    assert_eq!(us.came, []);
    us.now += Duration::from_millis(1500);
    settle(&mut [&mut us]);
    assert_eq!(
        troubles(&us.came),
        [format!(
            "{address} has not taken a connection within 1500 ms: see whether the recorder runs, \
             and whether a firewall stands between"
        )]
    );
}

#[test]
fn where_nobody_listens_is_told() {
    let pki = Pki::new();
    let (mut us, _) = client(&pki);
    let (_deaf, address) = bound();
    us.send(to(0, address), &request("a", "h"));
    until(&mut [&mut us], |sides| !sides[0].troubles().is_empty());
    assert_eq!(
        us.troubles(),
        [format!(
            "{address} takes no connection: see whether the recorder runs and listens there"
        )]
    );
}

#[test]
fn one_byte_at_a_time_is_as_good_as_all_at_once() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let mut them = Side::recorder(&theirs, &[]);
    let mut stream = TcpStream::connect(them.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut tls = plain_client(&authority.file);
    tls.writer()
        .write_all(request("a", "h").as_bytes())
        .unwrap();
    while them.messages().is_empty() {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
        for byte in bytes {
            stream.write_all(&[byte]).unwrap();
            them.turn();
        }
        if tls.read_tls(&mut stream).is_ok() {
            tls.process_new_packets().unwrap();
        }
        them.turn();
    }
    assert_eq!(them.messages()[0].1, "a");
}

#[test]
fn strangers_at_our_door_cost_others_nothing() {
    let pki = Pki::new();
    let authority = pki.authority("authority");
    let theirs = pki.issue(&authority, "srs", &["DNS:srs.example"]);
    let mut them = Side::recorder(&theirs, &[]);
    let mut rude = TcpStream::connect(them.address()).unwrap();
    rude.set_read_timeout(Some(PATIENCE)).unwrap();
    rude.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut silent = TcpStream::connect(them.address()).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    until(&mut [&mut them], |sides| sides[0].came.len() == 1);
    let mut rest = Vec::new();
    rude.read_to_end(&mut rest).unwrap();
    assert!(rest.len() < 20, "an alert at most: {rest:?}");

    let tls = format!("authorities = [{:?}]\n", authority.file);
    let mut us = Side::client(&tls, &[RECORDER]);
    us.send(to(0, them.address()), &request("a", "h"));
    until(&mut [&mut us, &mut them], |sides| {
        !sides[1].messages().is_empty()
    });
    them.take();
    them.now += Duration::from_millis(2500);
    until(&mut [&mut them], |sides| sides[0].came.len() == 1);
    assert_eq!(silent.read(&mut [0; 10]).unwrap(), 0, "it had its time");
}

fn plain_client(authority: &std::path::Path) -> ClientConnection {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clock = Arc::new(sixreel_controlplane::tls::Clock::new(NOW));
    let config = rustls::ClientConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("srs.example").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// A TCP socket that does not listen, so that nobody else can have its port.
fn bound() -> (OwnedFd, SocketAddr) {
    let flags = SockFlag::empty();
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    let address: SockaddrIn = getsockname(fd.as_raw_fd()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    (fd, address)
}

/// A listening socket that takes the first connection, and answers to no further attempt.
fn full() -> (OwnedFd, SocketAddr, TcpStream) {
    let (fd, address) = bound();
    listen(&fd, Backlog::new(0).unwrap()).unwrap();
    (fd, address, TcpStream::connect(address).unwrap())
}
