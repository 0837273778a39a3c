//! The image of the `Containerfile`: its static binary in an empty root.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use testkit::{Process, ServerProcess, program, skip};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// The static binary, which takes a target and a C compiler for it: built as the
/// `Containerfile` says, or without `--release`.
fn static_binary() -> Option<PathBuf> {
    let folder = program("bench-client").parent()?.parent()?.join(TARGET);
    let built = ["release", "debug"].map(|profile| folder.join(profile).join("bench-client"));
    built.into_iter().find(|path| path.is_file())
}

#[test]
#[ignore = "takes a static binary, and root"]
fn a_static_binary_is_all_that_an_image_takes() {
    let Some(binary) = static_binary() else {
        return skip("there is no static binary");
    };
    if !rustix::process::geteuid().is_root() {
        return skip("a root of its own takes root");
    }
    let server = ServerProcess::start(&[]);
    let port = server.addr().port();
    // What a container runtime puts there, and nothing else.
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/hosts"), "127.0.0.1 echo-server\n").unwrap();
    fs::copy(binary, root.path().join("bench-client")).unwrap();
    std::os::unix::fs::chown(root.path(), Some(65534), None).unwrap();
    let inside = |args: &str| {
        let mut chroot = Command::new("chroot");
        chroot
            .arg("--userspec=65534:65534")
            .arg(root.path())
            .arg("/bench-client");
        Process::start(chroot.args(args.split(' '))).wait()
    };
    let args =
        format!("-h echo-server:{port} -c 4 -n 8 --ranks 2 --rank 1 --start-at +1s --json -");
    let output = inside(&args).expect_code(0);
    let results: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(results["messages"]["replies"], 4, "{output}");
    assert_eq!(results["target"]["address"], format!("echo-server:{port}"));
    let output = inside(&format!("-h elsewhere:{port} -n 1")).expect_code(1);
    let output = output.expect_stderr("cannot resolve elsewhere:");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
}
