//! The binary.
use starttech_agent::{config::Config, daemon, telemetry};
fn main() {
    let path = std::env::args().nth(1);
    let load = move || Config::load(path.as_deref().map(std::path::Path::new), std::env::vars_os());
    let config = load().unwrap();
    telemetry::install(config.log.level);
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = std::env::var_os("LOCAL").map(Into::into);
    let r = rt.block_on(async {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        daemon::run(daemon::Start { config, reload: load, local, containers: daemon::Containers::Docker }, async { term.recv().await; }).await
    });
    rt.shutdown_background();
    if let Err(e) = r { eprintln!("{e:#}"); }
}
