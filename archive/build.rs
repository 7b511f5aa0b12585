//! Puts the web page into the program: the files in the folder that `PARLOR_WEB` names, as
//! `cargo xtask web` made them. Without it the archive is built all the same.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PARLOR_WEB");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no folder for what is built")?);
    let folder = match env::var_os("PARLOR_WEB").filter(|folder| !folder.is_empty()) {
        // Relative to where cargo is usually called.
        Some(folder) => {
            Some(Path::new(&env::var_os("CARGO_MANIFEST_DIR").ok_or("no manifest")?).join("..").join(folder))
        }
        None => None,
    };
    if let Some(folder) = &folder {
        // Only when it is there: cargo takes a missing file for a changed one.
        println!("cargo::rerun-if-changed={}", folder.join("index.html").display());
        if !folder.join("index.html.gz").is_file() {
            return Err(format!(
                "PARLOR_WEB: there is no page in {}; make it with `cargo xtask web`",
                folder.display()
            )
            .into());
        }
    }
    fs::write(out.join("page.rs"), files(folder.as_deref())?)?;
    Ok(())
}

/// The compressed files as Rust: names and bytes.
fn files(folder: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let mut code = String::from("&[\n");
    if let Some(folder) = folder {
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
