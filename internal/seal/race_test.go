package seal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestMain lets the test binary stand in for another process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SEAL_TEST_RING"); dir != "" {
		if err := raceChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const raceKeys = 40

// raceChild waits for a line, then makes keys and prints a pseudonym under each.
func raceChild(dir string) error {
	r, err := OpenRing(dir, clockAt(noon).now)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	for e := range int64(raceKeys) {
		k, err := r.Pid("t1", "improve", e)
		if err != nil {
			return err
		}
		fmt.Println(pseudonym(k))
	}
	if err := r.EnsureHours(noon); err != nil {
		return err
	}
	for partition := range int32(raceKeys) {
		kek, err := r.CurrentKEK(partition)
		if err != nil {
			return err
		}
		fmt.Println(kek.ID())
	}
	return nil
}

func pseudonym(k Key) string {
	m, err := NewMAC(k)
	if err != nil {
		return err.Error()
	}
	var sum [16]byte
	m.Sum128(&sum, []byte("probe"))
	return hex.EncodeToString(sum[:])
}

// TestTwoProcessesAgree starts processes that make the same keys at once.
func TestTwoProcessesAgree(t *testing.T) {
	c := clockAt(noon)
	_, dir := emptyRing(t, c)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const n = 3
	outs := make([]bytes.Buffer, n)
	var starts []func() error
	var cmds []*exec.Cmd
	for i := range n {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "SEAL_TEST_RING="+dir)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("a process did not get ready: %v", err)
		}
		cmds = append(cmds, cmd)
		starts = append(starts, func() error {
			if _, err := in.Write([]byte("\n")); err != nil {
				return err
			}
			_, err := outs[i].ReadFrom(lines)
			return err
		})
	}
	var wg sync.WaitGroup
	for _, start := range starts {
		wg.Go(func() {
			if err := start(); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		if got := strings.Count(outs[i].String(), "\n"); got != 2*raceKeys {
			t.Errorf("process %d: %d lines", i, got)
		}
		if outs[i].String() != outs[0].String() {
			t.Errorf("process %d got other keys than process 0", i)
		}
	}
	// Of the hour pairs, too, there is one each, and its halves fit.
	r, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	blob := mustSeal(t, sealerOf(t, dir, c), []byte("b"), 1, 0)
	if _, _, err := NewOpener(r, 0).Open(nil, blob); err != nil {
		t.Errorf("open: %v", err)
	}
}

// TestManyGoroutinesAgree is the same within a process, over two views.
func TestManyGoroutinesAgree(t *testing.T) {
	c := clockAt(noon)
	a, dir := emptyRing(t, c)
	b, err := OpenRing(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([]string, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			k, err := []*Ring{a, b}[i%2].Pid("t1", "security", 7)
			if err != nil {
				t.Errorf("%v", err)
				return
			}
			got[i] = pseudonym(k)
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Errorf("goroutine %d got another key", i)
		}
	}
}
