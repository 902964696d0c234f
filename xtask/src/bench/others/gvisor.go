// Compiles policies with gVisor's pkg/seccomp: a line in, a line out.
//
//	ROUNDS JSON  ->  ok NANOSECONDS PROGRAM (hexadecimal)  |  no REASON
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/bpf"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/seccomp"
)

type comparison struct {
	Arg   int
	Op    string
	Value uint64
	Mask  uint64
}

type rule struct {
	Nr     uintptr
	Action uint32
	Cases  [][]comparison
}

type policy struct {
	Default uint32
	BadArch uint32 `json:"bad_arch"`
	Hot     []uintptr
	Rules   []rule
}

func (c comparison) matcher() (seccomp.ValueMatcher, error) {
	v := uintptr(c.Value)
	switch c.Op {
	case "eq":
		return seccomp.EqualTo(v), nil
	case "ne":
		return seccomp.NotEqual(v), nil
	case "lt":
		return seccomp.LessThan(v), nil
	case "le":
		return seccomp.LessThanOrEqual(v), nil
	case "gt":
		return seccomp.GreaterThan(v), nil
	case "ge":
		return seccomp.GreaterThanOrEqual(v), nil
	case "masked":
		return seccomp.MaskedEqual(uintptr(c.Mask), v), nil
	}
	return nil, fmt.Errorf("no comparison %q", c.Op)
}

// matching is one case: an argument named twice takes a list of tests of its own.
func matching(comparisons []comparison) (seccomp.SyscallRule, error) {
	var all seccomp.And
	var args seccomp.PerArg
	used := false
	for i := range args {
		args[i] = seccomp.AnyValue{}
	}
	for _, c := range comparisons {
		m, err := c.matcher()
		if err != nil {
			return nil, err
		}
		if c.Arg < 0 || c.Arg >= len(args) {
			return nil, fmt.Errorf("no argument %d", c.Arg)
		}
		if _, free := args[c.Arg].(seccomp.AnyValue); !free {
			all = append(all, args)
			for i := range args {
				args[i] = seccomp.AnyValue{}
			}
		}
		args[c.Arg], used = m, true
	}
	switch {
	case !used:
		return seccomp.MatchAll{}, nil
	case len(all) == 0:
		return args, nil
	}
	return append(all, args), nil
}

func (p policy) sets() ([]seccomp.RuleSet, error) {
	var sets []seccomp.RuleSet
	for _, r := range p.Rules {
		var any seccomp.Or
		for _, c := range r.Cases {
			m, err := matching(c)
			if err != nil {
				return nil, err
			}
			any = append(any, m)
		}
		var whole seccomp.SyscallRule = any
		if len(any) == 1 {
			whole = any[0]
		}
		rules := seccomp.MakeSyscallRules(map[uintptr]seccomp.SyscallRule{r.Nr: whole})
		sets = append(sets, seccomp.RuleSet{Rules: rules, Action: linux.BPFAction(r.Action)})
	}
	return sets, nil
}

func compiled(rounds int, text string) (best time.Duration, program []bpf.Instruction, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	var p policy
	if err = json.Unmarshal([]byte(text), &p); err != nil {
		return
	}
	for i := 0; i < rounds; i++ {
		// Its optimizer may keep parts of the rules it is given.
		var sets []seccomp.RuleSet
		if sets, err = p.sets(); err != nil {
			return
		}
		start := time.Now()
		program, _, err = seccomp.BuildProgram(sets, seccomp.ProgramOptions{
			DefaultAction: linux.BPFAction(p.Default),
			BadArchAction: linux.BPFAction(p.BadArch),
			Optimize:      true,
			HotSyscalls:   p.Hot,
		})
		took := time.Since(start)
		if err != nil {
			return
		}
		if i == 0 || took < best {
			best = took
		}
	}
	return
}

func answer(line string) string {
	count, text, _ := strings.Cut(line, " ")
	rounds, err := strconv.Atoi(count)
	if err != nil || rounds < 1 {
		return "no rounds: " + count
	}
	took, program, err := compiled(rounds, text)
	if err != nil {
		return "no " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	var bytes []byte
	for _, i := range program {
		bytes = binary.LittleEndian.AppendUint16(bytes, i.OpCode)
		bytes = append(bytes, i.JumpIfTrue, i.JumpIfFalse)
		bytes = binary.LittleEndian.AppendUint32(bytes, i.K)
	}
	return fmt.Sprintf("ok %d %s", took.Nanoseconds(), hex.EncodeToString(bytes))
}

func main() {
	log.SetLevel(log.Warning)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Println(answer(strings.TrimSpace(line)))
	}
}
