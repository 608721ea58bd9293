//go:build !unix

package run

import (
	"os"
	"os/exec"
)

// Without process groups only the command itself can be killed.

func ownGroup(*exec.Cmd) {}

func killGroup(leader *os.Process) error { return leader.Kill() }
