//! File systems as Ubuntu on EC2 mounts them, and as nobody should.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use proptest::prelude::*;

use super::*;

/// Ubuntu 22.04 on a t3, with snaps, Docker, a data volume that is bound twice, and EFS.
const UBUNTU: &str = r"24 29 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
25 29 0:23 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
26 29 0:5 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=482812k,nr_inodes=120703,mode=755,inode64
28 29 0:25 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,size=98456k,mode=755,inode64
29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw,discard,errors=remount-ro
36 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
60 29 7:0 / /snap/core20/2105 ro,nodev,relatime shared:31 - squashfs /dev/loop0 ro,errors=continue
64 29 259:4 / /boot/efi rw,relatime shared:37 - vfat /dev/nvme0n1p15 rw,fmask=0077,dmask=0077
70 29 259:5 / /data\040volume rw,relatime shared:40 - xfs /dev/nvme1n1 rw,attr2,inode64
71 29 259:5 /postgres /pg rw,relatime shared:41 - xfs /dev/nvme1n1 rw,attr2,inode64
72 29 259:2 /srv/www /w rw,relatime shared:1 - ext4 /dev/root rw,discard,errors=remount-ro
73 29 0:51 / /mnt/efs rw,relatime shared:42 - nfs4 127.0.0.1:/ rw,vers=4.1,rsize=1048576
80 29 0:60 / /var/lib/docker/overlay2/b1/merged rw,relatime shared:50 - overlay overlay rw,lowerdir=/l
81 29 259:6 / /var/lib/docker rw,relatime shared:51 - ext4 /dev/nvme2n1 rw
82 81 259:7 / /var/lib/docker/volumes/v/_data rw,relatime shared:52 - ext4 /dev/nvme3n1 rw
83 28 0:4 net:[4026532281] /run/docker/netns/7d rw - nsfs nsfs rw
";

fn points(table: &str) -> Vec<String> {
    parse(table.as_bytes()).into_iter().map(|mount| mount.point.display().to_string()).collect()
}

#[test]
fn real_file_systems_are_measured_once_each() {
    assert_eq!(points(UBUNTU), ["/", "/data volume", "/mnt/efs", "/var/lib/docker"]);
}

#[test]
fn a_xen_host_has_its_one_disk() {
    let xen = "26 1 202:1 / / rw,relatime shared:1 - ext4 /dev/xvda1 rw,discard\n\
        27 26 202:15 / /boot/efi rw,relatime shared:30 - vfat /dev/xvda15 rw\n\
        28 26 202:16 / /boot rw,relatime shared:31 - ext4 /dev/xvda16 rw\n";
    assert_eq!(points(xen), ["/"]);
}

#[test]
fn what_is_mounted_over_another_hides_it() {
    let over = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - ext4 /dev/sdb rw\n\
        3 2 0:9 / /srv rw - tmpfs none rw\n";
    assert_eq!(points(over), ["/"]);
}

#[test]
fn hostile_tables_give_what_can_be_read() {
    let hostile = "\n \n1 2\n1 2 8:1 / /cut rw\n1 2 8:2 / relative rw - ext4 x rw\n1 2 8:3 / /a\\04 rw - ext4 x rw\n\
        1 2 8:4 / /b\\999\\134 rw a:1 b:2 - ext4 x rw\n1 2 8:5 / /no-kind rw -";
    assert_eq!(points(hostile), ["/a\\04", "/b\\999\\"]);
    let latin = parse(b"1 2 8:1 / /caf\xe9 rw - ext4 x rw\n");
    assert_eq!(latin[0].point.as_os_str().as_encoded_bytes(), b"/caf\xe9");
}

#[test]
fn used_is_what_df_shows() {
    let of = |space| {
        let mut readings = Readings::default();
        put("/", space, &mut readings);
        (readings.values.iter().map(|r| r.value).collect::<Vec<_>>(), readings.faults.len())
    };
    let ext4 = Space { blocks: 1_000, free: 400, available: 350, inodes: 200, inodes_free: 50 };
    assert_eq!(of(ext4), (vec![600.0 * 100.0 / 950.0, 75.0], 0));
    let vfat = Space { blocks: 100, free: 90, available: 90, ..Space::default() };
    assert_eq!(of(vfat), (vec![10.0], 0), "no inodes to count");
    assert_eq!(of(Space::default()), (vec![], 0), "nothing there");
    let full = Space { blocks: 100, free: 5, available: 0, inodes: 10, inodes_free: 0 };
    assert_eq!(of(full), (vec![100.0, 100.0], 0), "the rest is root's");
    assert_eq!(of(Space { free: 101, ..full }), (vec![], 1));
    assert_eq!(of(Space { inodes_free: 11, ..full }), (vec![], 1));
    assert_eq!(of(Space { available: u64::MAX, ..full }).1, 0);
}

fn mount(point: &str) -> Mount {
    Mount { device: format!("0:{}", point.len()), point: PathBuf::from(point) }
}

const HALF: Space = Space { blocks: 2, free: 1, available: 1, inodes: 0, inodes_free: 0 };

#[tokio::test]
async fn a_mount_that_hangs_stops_nobody_and_keeps_one_thread() {
    let (release, hung) = mpsc::channel::<()>();
    let (hung, asked) = (Mutex::new(hung), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let mut disks = Disks::new(move |point| {
        if point == Path::new("/dead") {
            count.fetch_add(1, Ordering::SeqCst);
            hung.lock().unwrap().recv().map_err(io::Error::other)?;
        }
        Ok(HALF)
    });
    let all = || ["/", "/dead", "/mnt/alive"].map(mount).to_vec();
    for _ in 0..3 {
        let mut readings = Readings::default();
        disks.sample(all(), &mut readings).await;
        let of: Vec<_> = readings.values.iter().filter_map(|reading| reading.of.as_deref()).collect();
        assert_eq!(of, ["/", "/mnt/alive"]);
        assert_eq!(readings.faults, ["/dead hangs: it does not say how full it is"]);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    // It answers what it was asked long ago, and is asked anew.
    release.send(()).unwrap();
    release.send(()).unwrap();
    let mut readings = Readings::default();
    while readings.values.len() < 3 {
        readings = Readings::default();
        disks.sample(all(), &mut readings).await;
        tokio::task::yield_now().await;
    }
    assert_eq!((readings.faults.len(), asked.load(Ordering::SeqCst)), (0, 2));
    assert!(disks.hanging.is_empty());
}

#[tokio::test]
async fn no_more_threads_hang_than_file_systems_are_measured() {
    let (end, hung) = mpsc::channel::<()>();
    let (hung, asked) = (Mutex::new(hung), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let mut disks = Disks::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        hung.lock().unwrap().recv().ok();
        Ok(HALF)
    });
    disks.patience = Duration::from_millis(50);
    for round in 0..5 {
        // A server that comes back and goes again has another device number each time.
        let mounts = (0..7).map(|n| Mount { device: format!("{round}:{n}"), point: format!("/{n}").into() });
        disks.sample(mounts.collect(), &mut Readings::default()).await;
    }
    assert_eq!((disks.hanging.len(), asked.load(Ordering::SeqCst)), (MOST, MOST));
    drop(end);
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_said() {
    let mut disks = Disks::new(|_| Ok(HALF));
    let mut readings = Readings::default();
    disks.sample((0..20).map(|n| mount(&format!("/{}", "x".repeat(n + 1)))).collect(), &mut readings).await;
    assert_eq!((readings.values.len(), readings.faults.len()), (MOST, 1), "{readings:?}");
}

#[tokio::test]
async fn an_error_is_a_fault_of_that_mount() {
    let mut disks =
        Disks::new(
            |point| {
                if point == Path::new("/") { Ok(HALF) } else { Err(io::Error::from_raw_os_error(5)) }
            },
        );
    let mut readings = Readings::default();
    disks.sample(["/", "/broken"].map(mount).to_vec(), &mut readings).await;
    assert_eq!(readings.values.len(), 1);
    assert!(readings.faults[0].starts_with("cannot ask how full /broken is: "), "{readings:?}");
}

/// `df` of coreutils asks the same kernel.
#[tokio::test]
async fn this_machine_is_as_full_as_df_says() {
    let point = std::env::temp_dir();
    let space = statvfs(&point).unwrap();
    let df =
        std::process::Command::new("df").args(["--output=size,used", "-B1"]).arg(&point).output().unwrap();
    let said = String::from_utf8(df.stdout).unwrap();
    let size: u64 = said.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(size % space.blocks, 0, "{said} {space:?}");
    let table = std::fs::read("/proc/self/mountinfo").unwrap();
    assert!(parse(&table).iter().all(|mount| mount.point.is_absolute()));
}

proptest! {
    #[test]
    fn no_table_panics(table in prop::collection::vec(any::<u8>(), 0..200), line in "[0-9:/\\\\ a-z-]{0,80}") {
        parse(&table);
        parse(line.as_bytes());
        unescaped(&table);
    }
}
