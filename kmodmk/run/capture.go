package run

import (
	"fmt"
	"io"
	"sync"
)

// capture keeps the first MaxOutput bytes written to it and accepts the rest,
// because a command whose output nobody reads would stop forever.
type capture struct {
	data []byte
	cut  bool
}

func (c *capture) Write(p []byte) (int, error) {
	keep := min(len(p), MaxOutput-len(c.data))
	c.data = append(c.data, p[:keep]...)
	c.cut = c.cut || keep < len(p)
	return len(p), nil
}

func (c *capture) bytes() []byte {
	if c.cut {
		return fmt.Appendf(c.data, "\n[output cut after %d bytes]\n", MaxOutput)
	}
	return c.data
}

// shared lets the goroutines of both streams write to one writer. A writer
// that fails is no reason to fail the command, so it is only left alone.
type shared struct {
	mu     sync.Mutex
	w      io.Writer
	failed bool
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.failed {
		_, err := s.w.Write(p)
		s.failed = err != nil
	}
	return len(p), nil
}
