package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sessgen/sessgen/bench/rpcs"
	"github.com/sessgen/sessgen/bench/stat"
)

// remote is a server in another process.
type remote struct {
	addr string
	cert []byte
	cpu  func() time.Duration
	stop func()
}

func start(of row) (*remote, error) {
	cmd := exec.Command(os.Args[0], "-serve", of.lib, "-for", strconv.Itoa(of.callers), "-profile", *profile)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, cmd.Wait())
	}
	addr, cert, _ := strings.Cut(strings.TrimSpace(line), " ")
	der, err := hex.DecodeString(cert)
	if err != nil {
		return nil, err
	}
	return &remote{
		addr: addr, cert: der,
		cpu: func() time.Duration {
			fmt.Fprintln(in)
			line, _ := r.ReadString('\n')
			n, _ := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			return time.Duration(n)
		},
		stop: func() {
			in.Close()
			_ = cmd.Wait()
		},
	}, nil
}

func (r *remote) dial(lib string) (rpcs.Call, func(), error) {
	config, err := rpcs.Trust(r.cert)
	if err != nil {
		return nil, nil, err
	}
	return rpcs.Dial(lib, r.addr, config)
}

// serve serves until its input ends; for each line of it, it says how much CPU time it has used.
func serve(of row) error {
	stopProfile, err := startProfile(of, "server")
	if err != nil {
		return err
	}
	defer stopProfile()
	cert, err := rpcs.NewCert()
	if err != nil {
		return err
	}
	addr, stop, err := rpcs.Serve(of.lib, cert)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println(addr, hex.EncodeToString(cert.Certificate[0]))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(int64(stat.CPU()))
	}
	return nil
}
