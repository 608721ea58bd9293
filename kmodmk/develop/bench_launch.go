//go:build ignore

// This program runs a command and prints what that took: nanoseconds of user
// and system time, and the most memory it had in kilobytes. It stands between
// mage and what is measured because a process inherits its parent's peak of
// memory when it starts, on Linux at least, and this one is small.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr // and standard output goes to the null device
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Println(cmd.ProcessState.UserTime().Nanoseconds()+cmd.ProcessState.SystemTime().Nanoseconds(), usage.Maxrss)
}
