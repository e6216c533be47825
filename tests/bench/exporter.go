// Reads the counters of VFs as Prometheus exporters for SR-IOV do: one request for each PF through
// github.com/vishvananda/netlink, the library of Kubernetes' operators. Prints VFs and CPU microseconds of a round.
//
// GO111MODULE=off GOPATH=/usr/share/gocode go build -o exporter tests/bench/exporter.go
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink"
)

func spent() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano()/1000 + usage.Stime.Nano()/1000
}

func round(pfs []string) (vfs int, bytes uint64) {
	for _, pf := range pfs {
		link, err := netlink.LinkByName(pf)
		if err != nil {
			panic(err)
		}
		for _, vf := range link.Attrs().Vfs {
			vfs++
			bytes += vf.RxBytes + vf.TxBytes
		}
	}
	return
}

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	vfs, _ := round(os.Args[2:])
	before := spent()
	for i := 0; i < rounds; i++ {
		round(os.Args[2:])
	}
	fmt.Println(vfs, (spent()-before)/int64(rounds))
}
