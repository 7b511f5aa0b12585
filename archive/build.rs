//! Puts the web page into the program, when `cargo xtask web` has built it.
//!
//! Its files are taken from the folder that `PARLOR_WEB` names, else from `web` in the target folder.
//! Without them the archive is built all the same and serves no page by itself.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=PARLOR_WEB");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no folder for what is built")?);
    let beside = out.ancestors().nth(4).map(|target| target.join("web"));
    let folder = env::var_os("PARLOR_WEB").map(PathBuf::from).or(beside).unwrap_or_default();
    println!("cargo::rerun-if-changed={}", folder.join("index.html").display());
    fs::write(out.join("page.rs"), files(&folder)?)?;
    Ok(())
}

/// The compressed files as Rust: names and bytes.
fn files(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut code = String::from("&[\n");
    if folder.join("index.html").is_file() {
        let mut packed: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
        packed.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
        packed.sort();
        for path in packed {
            let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a file of the page has an odd name")?;
            let path = path.canonicalize()?;
            writeln!(code, "    ({name:?}, include_bytes!({:?}).as_slice()),", path.to_str().ok_or("an odd path")?)?;
        }
    }
    code.push(']');
    Ok(code)
}
