//! Prints what `parlor doctor` finds.

use parlor_node::doctor::{DoctorOptions, examine};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{}", examine(&DoctorOptions::default()).await);
}
