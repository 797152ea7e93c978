//! The client against real processes: this test program itself, started as a worker, and small scripts.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shot::{Code, Fault, Rate, Request, Size, Stage, TakeId, Task};
use worker::{Client, Finished, Hello, Job, JobState, Made, Options};

const LONG: Duration = Duration::from_secs(20);

/// Not a test: this program as a worker, when it was started as one. The lines that the test harness prints around it are the
/// rubbish on stdout that a client must bear.
#[test]
fn as_worker() {
    if !std::env::args().any(|a| a == "--skip=be-a-worker") {
        return;
    }
    let mut hello = Hello::new("test", "1", &["insert"]);
    hello.publishes = std::env::args().any(|a| a == "--skip=publish");
    let served = worker::serve(hello, std::io::stdin(), std::io::stdout(), |job, events, cancel| {
        events.progress(Stage::Picture, 0, 10)?;
        match job.request.prompt.as_str() {
            "abort" => {
                eprintln!("cannot allocate a tensor");
                std::process::abort();
            }
            "hang" => std::thread::sleep(Duration::from_secs(600)),
            "slow" => {
                while !cancel.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return Err(Fault::cancelled());
            }
            "few" => return made(&job, job.request.frames - 1),
            "lie" => {
                let made = Made { frames: "%06d.png".into(), first: 0, count: 4, sound: None, card: false, notes: vec![], figures: vec![] };
                return Ok(Finished::Made(made));
            }
            _ => {}
        }
        if let Some(store) = &job.store {
            let id = TakeId::parse("0123456789abcdef01234567").unwrap();
            return Ok(Finished::Take { folder: store.join(id.as_str()), id });
        }
        events.note("made in a test");
        made(&job, job.request.frames)
    });
    served.unwrap();
    std::process::exit(0);
}

/// Not a test: this program as a host that dies without a word while its worker works.
#[test]
fn as_host() {
    let Some(folder) = std::env::args().find_map(|a| a.strip_prefix("--skip=be-a-host=").map(PathBuf::from)) else { return };
    let client = Client::new(options());
    let handle = client.submit(job(&folder, "hang")).unwrap();
    wait_until(|| matches!(handle.state(), JobState::Running { .. }));
    std::fs::write(folder.join("pid.new"), client.pid().unwrap().to_string()).unwrap();
    std::fs::rename(folder.join("pid.new"), folder.join("pid")).unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_host_that_is_killed_leaves_no_orphan() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["as_host", "--exact", "--nocapture"])
        .arg(format!("--skip=be-a-host={}", folder.path().display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| folder.path().join("pid").exists());
    let pid: u32 = std::fs::read_to_string(folder.path().join("pid")).unwrap().parse().unwrap();
    assert!(is_running(pid));
    host.kill().unwrap();
    host.wait().unwrap();
    // The engine hangs: only the guard of the server can end it.
    wait_until(|| std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |s| s.contains(") Z ")));
}

fn made(job: &Job, count: u32) -> Result<Finished, Fault> {
    std::fs::create_dir_all(&job.out).map_err(|e| Fault::new(Code::Output, e.to_string(), "make room"))?;
    for i in 0..count {
        std::fs::write(job.out.join(format!("{i:06}.png")), "x").unwrap();
    }
    Ok(Finished::Made(Made { frames: "%06d.png".into(), first: 0, count, sound: None, card: false, notes: vec![], figures: vec![] }))
}

fn options() -> Options {
    let mut options = Options::new(std::env::current_exe().unwrap());
    options.args = ["as_worker", "--exact", "--nocapture", "--skip=be-a-worker"].map(Into::into).to_vec();
    options.cancel = Duration::from_millis(500);
    options
}

/// A program of a few lines of shell.
fn script(folder: &Path, text: &str) -> Options {
    let path = folder.join("engine.sh");
    std::fs::write(&path, format!("{text}\n")).unwrap();
    Options { args: vec![path.into()], ..Options::new("/bin/sh") }
}

#[test]
fn a_program_that_floods_stdout_and_says_no_hello_is_given_up_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for flood in ["yes nonsense", "cat /dev/zero", "yes '{\"type\":\"applause\"}'"] {
        let began = Instant::now();
        let client = Client::new(script(folder.path(), flood));
        let fault = client.greet(LONG).unwrap_err();
        assert!(fault.what.contains("1048576 bytes"), "{flood}: {}", fault.what);
        assert!(began.elapsed() < Options::new("").hello / 2, "{flood}");
    }
}

fn job(out: &Path, prompt: &str) -> Job {
    let mut request = Request::new(Task::Insert, 4, Rate::whole(24), Size::new(8, 8));
    request.prompt = prompt.into();
    Job::new(request, out.join(if prompt.is_empty() { "plain" } else { prompt }))
}

fn fault(state: JobState) -> Fault {
    match state {
        JobState::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn is_running(pid: u32) -> bool {
    // A zombie counts as running: nobody has reaped it.
    PathBuf::from(format!("/proc/{pid}")).exists()
}

fn wait_until(mut what: impl FnMut() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < LONG, "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn jobs_are_made_one_after_another_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let handles: Vec<_> = ["", "b", "c"].iter().map(|p| client.submit(job(folder.path(), p)).unwrap()).collect();
    for handle in &handles {
        let JobState::Made(made) = handle.wait(LONG) else { panic!("{:?}", handle.state()) };
        assert_eq!(made.count, 4);
        assert!(made.frame_path(3).unwrap().starts_with(&handle.job().out));
        assert_eq!(handle.notes(), ["made in a test"]);
    }
    let pid = client.pid().unwrap();
    assert_eq!((client.unfinished(), client.hello().unwrap().name.as_str()), (0, "test"));
    drop(client);
    assert!(!is_running(pid));
}

#[test]
fn only_a_worker_that_publishes_is_given_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Client::new(options());
    let state = plain.submit(job(folder.path(), "").published_to(folder.path())).unwrap().wait(LONG);
    assert!(matches!(state, JobState::Made(_)), "{state:?}");
    let mut publishes = options();
    publishes.args.push("--skip=publish".into());
    let state = Client::new(publishes).submit(job(folder.path(), "").published_to(folder.path())).unwrap().wait(LONG);
    assert!(matches!(&state, JobState::Done { folder: f, .. } if f.starts_with(folder.path())), "{state:?}");
}

#[test]
fn a_crash_fails_its_job_alone_and_the_next_one_gets_a_new_process() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let crash = client.submit(job(folder.path(), "abort")).unwrap();
    let next = client.submit(job(folder.path(), "")).unwrap();
    let fault = fault(crash.wait(LONG));
    assert_eq!(fault.code, Code::Worker);
    assert!(fault.what.contains("signal 6") && fault.what.contains("cannot allocate a tensor"), "{fault}");
    assert!(matches!(next.wait(LONG), JobState::Made(_)));
}

#[test]
fn a_killed_worker_is_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let handle = client.submit(job(folder.path(), "slow")).unwrap();
    wait_until(|| matches!(handle.state(), JobState::Running { .. }));
    let pid = rustix::process::Pid::from_raw(client.pid().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(fault(handle.wait(LONG)).what.contains("signal 9"));
    wait_until(|| client.pid().is_none());
    assert!(!is_running(pid.as_raw_nonzero().get() as u32));
}

#[test]
fn crashes_do_not_go_on_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(Options { crashes_per_minute: 2, ..options() });
    let faults: Vec<_> = (0..4).map(|_| fault(client.submit(job(folder.path(), "abort")).unwrap().wait(LONG)).what).collect();
    assert!(faults[1].contains("ended before its work did"), "{faults:?}");
    assert!(faults[2].contains("was started 2 times within a minute") && faults[2].contains("tensor"), "{faults:?}");
}

#[test]
fn a_running_job_is_cancelled_and_the_process_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let handle = client.submit(job(folder.path(), "slow")).unwrap();
    let queued = client.submit(job(folder.path(), "slow")).unwrap();
    wait_until(|| matches!(handle.state(), JobState::Running { .. }));
    let pid = client.pid();
    queued.cancel();
    assert_eq!(fault(queued.wait(LONG)).code, Code::Cancelled);
    handle.cancel();
    assert_eq!(fault(handle.wait(LONG)).code, Code::Cancelled);
    assert!(matches!(client.submit(job(folder.path(), "")).unwrap().wait(LONG), JobState::Made(_)));
    assert_eq!(client.pid(), pid);
}

#[test]
fn a_worker_that_does_not_heed_the_cancel_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let handle = client.submit(job(folder.path(), "hang")).unwrap();
    let next = client.submit(job(folder.path(), "")).unwrap();
    wait_until(|| matches!(handle.state(), JobState::Running { .. }));
    let pid = client.pid().unwrap();
    handle.cancel();
    assert_eq!(fault(handle.wait(LONG)).code, Code::Cancelled);
    assert!(matches!(next.wait(LONG), JobState::Made(_)));
    assert!(!is_running(pid));
}

#[test]
fn dropping_the_client_ends_even_a_worker_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(Options { grace: Duration::from_millis(200), ..options() });
    let handle = client.submit(job(folder.path(), "hang")).unwrap();
    wait_until(|| matches!(handle.state(), JobState::Running { .. }));
    let pid = client.pid().unwrap();
    let began = Instant::now();
    drop(client);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!is_running(pid));
    assert_eq!(fault(handle.state()).code, Code::Cancelled);
    handle.cancel();
}

#[test]
fn its_children_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("child");
    // The child holds all three pipes, as an encoder that the engine started would.
    let options = script(folder.path(), &format!("sleep 600 &\necho $! > {}\nwait", note.display()));
    let client = Client::new(Options { grace: Duration::from_millis(100), ..options });
    let _handle = client.submit(job(folder.path(), "")).unwrap();
    let mut child = 0;
    wait_until(|| {
        child = std::fs::read_to_string(&note).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        child > 0
    });
    drop(client);
    // Its new parent reaps it; until then it is a zombie that holds nothing.
    wait_until(|| std::fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |s| s.contains(") Z ")));
}

#[test]
fn an_idle_worker_gives_its_memory_back_and_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(Options { idle: Duration::from_millis(50), crashes_per_minute: 1, ..options() });
    for prompt in ["", "b", "c"] {
        assert!(matches!(client.submit(job(folder.path(), prompt)).unwrap().wait(LONG), JobState::Made(_)));
        wait_until(|| client.pid().is_none());
    }
}

#[test]
fn what_cannot_be_started_is_said_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Client::new(Options::new(folder.path().join("pickup"))).submit(job(folder.path(), "")).err().unwrap();
    assert_eq!(missing.code, Code::Missing);
    let unknown = Client::new(Options::new("pickup-that-nobody-has"));
    assert_eq!(fault(unknown.submit(job(folder.path(), "")).unwrap().wait(LONG)).code, Code::Missing);
    assert_eq!(unknown.greet(LONG).unwrap_err().code, Code::Missing);
    let text = folder.path().join("text");
    std::fs::write(&text, "no program").unwrap();
    let fault = fault(Client::new(Options::new(&text)).submit(job(folder.path(), "")).unwrap().wait(LONG));
    assert!(fault.what.contains("does not start") && fault.remedy.contains("chmod"), "{fault}");
}

#[test]
fn strangers_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |options: Options| fault(Client::new(options).submit(job(folder.path(), "")).unwrap().wait(LONG));
    let silent = ask(Options { hello: Duration::from_millis(200), ..script(folder.path(), "exec sleep 600") });
    assert!(silent.what.contains("did not say hello within 0.2 s"), "{silent}");
    let dies = ask(script(folder.path(), "echo no module named torch >&2; exit 3"));
    assert!(dies.what.contains("exit code 3") && dies.what.contains("no module named torch"), "{dies}");
    let newer = ask(script(folder.path(), r#"echo '{"type":"hello","protocol":9,"name":"x","tasks":[]}'; cat >/dev/null"#));
    assert!(newer.code == Code::Unsupported && newer.what.contains("protocol 9"), "{newer}");
    let vague = ask(script(
        folder.path(),
        r#"echo '{"type":"hello","protocol":1,"name":"x","tasks":[]}'; read a; read b
id=$(echo "$b" | sed 's/.*"id":"\([^"]*\)".*/\1/'); echo "{\"type\":\"made\",\"job\":\"$id\",\"count\":\"four\"}"; cat >/dev/null"#,
    ));
    assert!(vague.code == Code::Engine && vague.what.contains("cannot be understood"), "{vague}");
}

#[test]
fn results_are_checked_against_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(options());
    let few = fault(client.submit(job(folder.path(), "few")).unwrap().wait(LONG));
    assert!(few.what.contains("3 frames where 4 frames"), "{few}");
    let lie = fault(client.submit(job(folder.path(), "lie")).unwrap().wait(LONG));
    assert!(lie.what.contains("000000.png"), "{lie}");
}

#[test]
fn submitting_never_waits_and_a_full_queue_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    // Says hello and reads nothing any more.
    let deaf = script(folder.path(), r#"echo '{"type":"hello","protocol":1,"name":"x","tasks":[]}'; exec sleep 600"#);
    let client = Client::new(Options { grace: Duration::from_millis(100), ..deaf });
    let mut large = job(folder.path(), "");
    large.request.prompt = "x".repeat(100_000);
    let mut slowest = Duration::ZERO;
    let mut refused = None;
    for i in 0..worker::client::MAX_JOBS + 1 {
        let mut job = large.clone();
        job.id = worker::JobId(i.to_string());
        let began = Instant::now();
        refused = client.submit(job).err();
        slowest = slowest.max(began.elapsed());
    }
    assert!(refused.unwrap().what.contains("1024 jobs are waiting"));
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
    let twice = Client::new(options());
    twice.submit(large.clone()).unwrap();
    assert!(twice.submit(large).err().unwrap().what.contains("an unfinished job has this name"));
}
