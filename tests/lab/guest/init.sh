#!/bin/bash
# Process 1 of the guest, on an overlay of the root of the machine that runs it. Makes the guest ready, then
# takes orders on /dev/ttyS1: "run NAME" or "tty NAME ROWS COLUMNS" starts /lab/orders/NAME. What it answers
# stands between two bytes 0x1e, which no program writes: "ready", or NAME and the exit code.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1 TMPDIR=/run/scratch

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666,gid=5,mode=620 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/udev "$TMPDIR"
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname lab

/lib/systemd/systemd-udevd --daemon --resolve-names=never
udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle --timeout=120

# mdev first: the sample drivers are not among the modules that modprobe knows.
modprobe -a vfio-pci vfio_iommu_type1 mdev
. /lab/settings
for name in mtty mdpy mbochs; do
    [[ -e $LAB_SAMPLES/$name.ko ]] && insmod "$LAB_SAMPLES/$name.ko"
done
udevadm settle --timeout=120

terminal=/dev/ttyS1
stty -F $terminal raw -echo
exec 3<>$terminal
printf '\x1eready\x1e' >&3
while read -r how name rows columns <&3; do
    if [[ $how == tty ]]; then
        stty -F $terminal sane rows "$rows" columns "$columns"
        setsid --ctty --wait "/lab/orders/$name" <$terminal >$terminal 2>&1
        code=$?
        # The end of a session hangs its terminal up: what was open of it is of no use any more.
        exec 3<>$terminal
        stty -F $terminal raw -echo
    else
        setsid --wait "/lab/orders/$name" </dev/null >&3 2>&1
        code=$?
    fi
    printf '\x1e%s %d\x1e' "$name" "$code" >&3
done
echo o >/proc/sysrq-trigger
# Only what bash has built in: the shared root may be gone before the power is.
while :; do :; done
