//! `slurm.sbatch`, with a controller and three nodes on this host.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use testkit::{Process, installed, skip, wait_until};

use super::{
    one_load::{self, LOAD},
    recipe,
};

/// Daemons, the last to start first to end.
struct Cluster {
    daemons: Vec<Process>,
    folder: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        while self.daemons.pop().is_some() {}
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Cluster {
    fn start(mut munged: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let name = |name: &str| path.join(name).display().to_string();
        fs::write(name("key"), [7; 64]).unwrap();
        let mut chmod = Command::new("chmod");
        assert!(
            chmod
                .args(["400", &name("key")])
                .status()
                .unwrap()
                .success()
        );
        munged.args(["--foreground", "--force"]);
        for (option, file) in [
            ("key-file", "key"),
            ("socket", "munge"),
            ("pid-file", "munge.pid"),
            ("seed-file", "seed"),
        ] {
            munged.arg(format!("--{option}={}", name(file)));
        }
        let munged = Process::start(&mut munged);
        wait_until("a socket of munged", || path.join("munge").exists());
        fs::write(name("slurm.conf"), configuration(path)).unwrap();
        let mut cluster = Self {
            daemons: vec![munged],
            folder,
        };
        cluster.daemon("slurmctld", &["-D", "-c"]);
        for node in ["n1", "n2", "n3"] {
            cluster.daemon("slurmd", &["-D", "-c", "-N", node]);
        }
        wait_until("three idle nodes", || {
            let mut sinfo = cluster.command("sinfo");
            let nodes = sinfo.args(["-h", "-t", "idle", "-o", "%D"]);
            nodes.output().unwrap().stdout.starts_with(b"3")
        });
        cluster
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env("SLURM_CONF", self.folder.path().join("slurm.conf"))
            .stdin(Stdio::null());
        command
    }

    fn daemon(&mut self, name: &str, args: &[&str]) {
        let mut command = self.command(name);
        let daemon = Process::start(command.args(args));
        self.daemons.push(daemon);
    }
}

fn configuration(folder: &Path) -> String {
    let host = Command::new("hostname").arg("-s").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let (host, folder, port) = (host.trim(), folder.display(), free_port());
    let node = |node| {
        let port = free_port();
        format!("NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2\n")
    };
    let nodes: String = ["n1", "n2", "n3"].map(node).concat();
    format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={port}\n\
         SlurmUser=root\nSlurmdUser=root\nAuthInfo=socket={folder}/munge\n\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool-%n\n\
         SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd-%n.pid\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
         JobAcctGatherType=jobacct_gather/none\nSelectType=select/linear\n\
         SwitchType=switch/none\nMpiDefault=none\nReturnToService=2\n\
         {nodes}PartitionName=all Nodes=n1,n2,n3 Default=YES State=UP\n"
    )
}

#[test]
#[ignore = "takes slurmctld, slurmd and munged, and root"]
fn ranks_of_slurm_are_one_load() {
    let needed = ["slurmctld", "slurmd", "sbatch"];
    if needed.into_iter().any(|name| installed(name).is_none()) {
        return;
    }
    let Some(munged) = installed("munged") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("Slurm's daemons take root");
    }
    let cluster = Cluster::start(munged);
    one_load::check(|host, folder| {
        let mut command = cluster.command("sbatch");
        let log = folder.with_extension("log");
        command
            .arg("--wait")
            .arg("--output")
            .arg(log)
            .arg(recipe("slurm.sbatch"))
            .arg(host)
            .args(LOAD);
        command
    });
}
