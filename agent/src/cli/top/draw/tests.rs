//! Screens of a terminal in memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::cli::top::rates::Sort;
use crate::control::tests::sample;

fn screen(view: &View, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..rows).map(|y| line(y).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn view(statuses: [Status; 2]) -> View {
    let mut view = View::new(Sort::Lines);
    for status in statuses {
        view.problems = status.problems();
        view.put(status);
    }
    view
}

/// Two seconds later.
fn later(mut status: Status) -> Status {
    status.now_ms += 2_000;
    status.lines.shipped += 100;
    let metrics = status.metrics.as_mut().unwrap();
    (metrics.requests, metrics.responses_5xx, metrics.error_lines) =
        (metrics.requests + 40, metrics.responses_5xx + 10, metrics.error_lines + 1);
    status.containers.as_mut().unwrap()[0].lines += 24;
    status
}

#[test]
fn a_host_that_is_well() {
    let screen = screen(&view([sample::well(), later(sample::well())]), 80, 12);
    for part in [
        "i-0123456789abcdef0  all is well  up 3 h 11 min  9.1 MB",
        "host      cpu 12 %  mem 45 %  disk 61 %  health up",
        "requests  20/s  5xx 25 %  errors 0.5/s  p50 3.1 ms p95 42 ms p99 1.3 s",
        "logs      12,298  50/s  last 5 s  lag 0 s  spool 0 B",
        "q quit  p pause  s sort: lines",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    let row = screen.lines().find(|line| line.starts_with("backend")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["backend", "12/s", "23", "%", "31", "%", "12,369", "4", "s", "0", "B"]);
    assert!(screen.lines().any(|line| line.starts_with("redis") && line.contains("skipped")), "{screen}");
}

#[test]
fn a_host_that_is_not_well() {
    let screen = screen(&view([sample::ill(), later(sample::ill())]), 80, 24);
    for part in [
        "8 wrong",
        "health DOWN",
        "✗ Docker is not followed: ",
        "✗ the alerts loop does not answer",
        "17 lost",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    assert!(screen.lines().any(|line| line.starts_with("backend") && line.contains("UNREAD")), "{screen}");
}

#[test]
fn any_terminal_will_do() {
    for (columns, rows) in [(1, 1), (2, 2), (10, 3), (40, 10), (59, 6), (300, 100), (80, 1), (1, 80)] {
        let mut view = view([sample::ill(), later(sample::ill())]);
        for scroll in [0, 1, 1000] {
            view.scroll = scroll;
            screen(&view, columns, rows);
        }
    }
    let small = screen(&view([sample::well(), later(sample::well())]), 40, 10);
    assert!(small.contains("backend"), "{small}");
}

#[test]
fn what_containers_are_called_does_not_reach_the_terminal() {
    let screen = screen(&view([sample::ill(), later(sample::ill())]), 120, 40);
    assert!(!screen.chars().any(|c| c != '\n' && c.is_control()), "{screen:?}");
}

#[test]
fn a_daemon_that_was_started_anew_gives_no_rates() {
    let anew = Status { pid: 813, ..later(sample::well()) };
    assert_eq!(view([sample::well(), anew]).rates, crate::cli::top::rates::Rates::default());
}

#[test]
fn it_scrolls_to_the_last_container_and_no_further() {
    use crate::cli::top::obey;
    use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    let mut view = view([sample::well(), later(sample::well())]);
    let all = view.containers().len();
    assert!(all > 1);
    let mut press = |code| {
        assert!(!obey(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), &mut view));
        view.scroll
    };
    for _ in 0..50 {
        press(KeyCode::Down);
    }
    assert_eq!(press(KeyCode::Down), all - 1);
    assert_eq!(press(KeyCode::Up), all - 2, "as many presses down, one up is seen at once");
    let mut nobody = View::new(Sort::Lines);
    assert!(!obey(&Event::Key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)), &mut nobody));
    assert_eq!(nobody.scroll, 0);
}
