//! Makes the web page out of the compiled app: `parlor-bundle program.wasm page-folder target-folder`,
//! and `--as-it-is` to leave out `wasm-opt`.
//!
//! Everything but `index.html` has a hash of its content in its name, so a server may let browsers
//! keep it for ever. Beside each file lies a compressed one for servers that hand those out.

#![forbid(unsafe_code)]

use anyhow::{Context as _, ensure};
use flate2::{Compression, write::GzEncoder};
use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

/// What the script that wasm-bindgen writes says where it looks for the program by itself. The loader
/// hands the program over instead.
const OUT_NAME: &str = "parlor";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let (program, page, target, is_rough) = match arguments.as_slice() {
        [program, page, target] => (program, page, target, false),
        [program, page, target, flag] if flag.as_os_str() == "--as-it-is" => (program, page, target, true),
        _ => anyhow::bail!("usage: parlor-bundle program.wasm page-folder target-folder [--as-it-is]"),
    };
    let bound = target.with_extension("bound");
    bind(program, &bound)?;
    let wasm = bound.join(format!("{OUT_NAME}_bg.wasm"));
    if !is_rough {
        optimise(&wasm)?;
    }
    let fresh = target.with_extension("new");
    remove(&fresh)?;
    fs::create_dir_all(&fresh)?;
    write_page(&bound, page, &fresh)?;
    remove(&bound)?;
    remove(target)?;
    fs::rename(&fresh, target).context("cannot put the page into its place")?;
    Ok(())
}

fn remove(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Writes the script that a browser needs around the program.
fn bind(program: &Path, to: &Path) -> anyhow::Result<()> {
    remove(to)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(program).out_name(OUT_NAME).typescript(false).omit_default_module_path(true);
    bindgen.web(true)?.generate(to)?;
    // Inline scripts of libraries would need a look: the page's policy must allow them.
    ensure!(
        !to.join("snippets").exists(),
        "a library brings scripts of its own along, which the page has no place for"
    );
    Ok(())
}

/// Makes the program smaller with `wasm-opt` (Debian: binaryen) where it is there.
fn optimise(wasm: &Path) -> anyhow::Result<()> {
    let before = fs::metadata(wasm)?.len();
    let smaller = wasm.with_extension("opt");
    // What today's compilers use without being asked.
    let features = [
        "--enable-bulk-memory",
        "--enable-mutable-globals",
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-sign-ext",
        "--enable-multivalue",
    ];
    let ran = Command::new("wasm-opt").args(features).arg("-Os").arg(wasm).arg("-o").arg(&smaller).output();
    match ran {
        Ok(output) if output.status.success() => {
            let after = fs::metadata(&smaller)?.len();
            println!("wasm-opt: {} KiB became {} KiB", before / 1024, after / 1024);
            if after < before {
                fs::rename(&smaller, wasm)?;
            }
        }
        Ok(output) => println!("wasm-opt did not like it: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(_) => println!("without wasm-opt the page is a little larger (Debian: apt-get install binaryen)"),
    }
    Ok(())
}

fn write_page(bound: &Path, page: &Path, to: &Path) -> anyhow::Result<()> {
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
    let text = |name: &str| -> anyhow::Result<String> { Ok(String::from_utf8(read(page.join(name))?)?) };
    let wasm_bytes = read(bound.join(format!("{OUT_NAME}_bg.wasm")))?;
    let wasm = write(to, "parlor", "wasm", &wasm_bytes)?;
    let program = write(to, "parlor", "js", &read(bound.join(format!("{OUT_NAME}.js")))?)?;
    let load = text("load.js")?
        .replace("{program}", &program)
        .replace("{wasm}", &wasm)
        .replace("{bytes}", &wasm_bytes.len().to_string());
    let load = write(to, "load", "js", load.as_bytes())?;
    let work = write(to, "work", "js", text("work.js")?.replace("{program}", &program).as_bytes())?;
    let style = write(to, "style", "css", text("style.css")?.as_bytes())?;
    let icon = write(to, "icon", "svg", text("icon.svg")?.as_bytes())?;
    let index = text("index.html")?
        .replace("{load}", &load)
        .replace("{work}", &work)
        .replace("{style}", &style)
        .replace("{icon}", &icon);
    // What the page calls itself covers all its files, because it names them. Open pages compare it
    // with what the archive says that it serves.
    let own = hash(index.as_bytes());
    put(to, "index.html", index.replace("{page}", &own).as_bytes())?;
    println!("{} is ready: {} KiB of program", to.display(), wasm_bytes.len() / 1024);
    Ok(())
}

/// Writes a file whose name has the hash of its content; gives back the name.
fn write(to: &Path, stem: &str, extension: &str, bytes: &[u8]) -> anyhow::Result<String> {
    let name = format!("{stem}-{}.{extension}", hash(bytes));
    put(to, &name, bytes)?;
    Ok(name)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().chars().take(16).collect()
}

fn put(to: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(to.join(name), bytes)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    fs::write(to.join(format!("{name}.gz")), packed.finish()?)?;
    Ok(())
}
