#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::{metrics::Metrics, store::EmbeddedStore};
use std::cell::Cell;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    task::JoinHandle,
};

struct Served {
    address: SocketAddr,
    store: Arc<dyn Store>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let hosts = vec!["chat.example.org".to_owned()];
        let serving = tokio::spawn(serve(listener, Arc::clone(&store), Metrics::default().registry(), hosts, async {
            let _ = stopped.await;
        }));
        Self { address, store, stop, serving, _folder: folder }
    }

    async fn asked_as(&self, host: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn page(&self, path: &str) -> String {
        self.asked_as("archive", path).await
    }
}

#[tokio::test]
async fn it_tells_whether_it_lives_and_whether_the_store_works() {
    let served = Served::start().await;
    assert!(served.page("/healthz").await.starts_with("HTTP/1.1 200"));
    let metrics = served.page("/metrics").await;
    assert!(metrics.contains("parlor_archive_rooms 0") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(served.page("/else").await.starts_with("HTTP/1.1 404"));
    served.store.close().await;
    assert!(served.page("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(served.page("/healthz").await.starts_with("HTTP/1.1 200"));
    served.stop.send(()).unwrap();
    served.serving.await.unwrap();
}

#[tokio::test]
async fn a_store_that_works_is_ready() {
    let served = Served::start().await;
    assert!(served.page("/readyz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn however_many_ask_the_store_is_tried_once_in_a_while() {
    let (readiness, tries, start) = (Readiness::default(), Cell::new(0), Instant::now());
    let ask = async |now, result: Result<(), StoreError>| {
        let check = async {
            tries.set(tries.get() + 1);
            result
        };
        readiness.ask(now, check).await
    };
    for _ in 0..1_000 {
        assert_eq!(ask(start, Ok(())).await, Ok(()));
    }
    assert_eq!(tries.get(), 1);
    let later = start + READY_FOR;
    assert!(ask(later, Err(StoreError::Stopped)).await.is_err(), "what is told is not older than that");
    assert!(ask(later, Ok(())).await.is_err());
    assert_eq!(tries.get(), 2, "a store that fails is not tried by each who asks either");
    assert_eq!(ask(later + FAILED_FOR, Ok(())).await, Ok(()));
}

#[tokio::test]
async fn a_website_whose_name_leads_here_learns_nothing() {
    let served = Served::start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert!(served.asked_as("evil.example:47880", path).await.starts_with("HTTP/1.1 421"), "{path}");
        assert!(served.asked_as("127.0.0.1:47880", path).await.starts_with("HTTP/1.1 200"), "{path}");
        assert!(served.asked_as("chat.example.org", path).await.starts_with("HTTP/1.1 200"), "{path}");
    }
}

#[tokio::test]
async fn connections_that_ask_nothing_do_not_keep_others_out() {
    let served = Served::start().await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(TcpStream::connect(served.address).await.unwrap());
    }
    // It comes as soon as their time is over.
    assert!(served.page("/healthz").await.starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--http"), "{error}");
}
