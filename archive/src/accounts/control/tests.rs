#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::store::EmbeddedStore;
use tokio::sync::oneshot;

#[tokio::test]
async fn other_users_of_the_computer_cannot_hold_it_up() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(dir.path()).unwrap());
    let control = Control::open(dir.path()).await.unwrap();
    let port = control.listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(control.serve(Arc::clone(&store), async {
        let _ = stopped.await;
    }));
    // Many who say nothing, some who begin to, and some who guess.
    let mut strangers = Vec::new();
    for at in 0..4 * STRANGERS_MAX {
        let mut stranger = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        match at % 3 {
            0 => {}
            1 => stranger.write_all(b"{\"secret\": \"").await.unwrap(),
            _ => stranger.write_all(b"{\"secret\":\"0000\",\"action\":\"List\"}\n").await.unwrap(),
        }
        strangers.push(stranger);
    }
    assert_eq!(ask(dir.path(), &UsersAction::List).await, Some(Ok("There are no accounts yet.".to_owned())));
    // None of them was told anything.
    for stranger in &mut strangers {
        let mut said = Vec::new();
        let _ = stranger.read_to_end(&mut said).await;
        assert_eq!(said, b"");
    }
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert_eq!(ask(dir.path(), &UsersAction::List).await, None, "its door is closed");
}
