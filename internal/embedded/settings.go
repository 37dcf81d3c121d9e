package embedded

import (
	"fmt"
	"log/slog"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerSettings are the broker's own settings; they take precedence over what
// it saved. The least it takes for a time is -1, the most an int32.
func brokerSettings(cfg Config) map[string]string {
	const forEver = "2147483647"
	return map[string]string{
		"log.retention.ms":             "-1",
		"log.retention.bytes":          "-1",
		"log.cleaner.backoff.ms":       forEver, // 25 days between clean-ups that have nothing to do
		"offsets.retention.minutes":    forEver,
		"group.min.session.timeout.ms": "100",
		"message.max.bytes":            strconv.Itoa(cfg.MaxMessageBytes),
		"log.segment.bytes":            strconv.Itoa(cfg.SegmentBytes),
	}
}

func syncOption(on bool) kfake.Opt {
	if on {
		return kfake.SyncWrites()
	}
	return kfake.BrokerConfigs(nil) // adds nothing
}

const createTopicsKey = int16(kmsg.CreateTopics)

// keepForEver takes retention and compaction out of a request that creates
// topics, and lets the broker handle the rest. The broker empties a log in ways
// that do not survive a kill; see the package comment.
func keepForEver(r kmsg.Request) (kmsg.Response, error, bool) {
	req, ok := r.(*kmsg.CreateTopicsRequest)
	if !ok {
		return nil, nil, false
	}
	for i := range req.Topics {
		var kept []kmsg.CreateTopicsRequestTopicConfig
		for _, c := range req.Topics[i].Configs {
			switch c.Name {
			case "retention.ms", "retention.bytes", "cleanup.policy", "delete.retention.ms", "segment.ms", "segment.bytes":
			default:
				kept = append(kept, c)
			}
		}
		req.Topics[i].Configs = kept
	}
	return nil, nil, false
}

// brokerLog passes the broker's warnings on. Its texts name topics, files and
// system errors, never the content of records.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker", "text", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker", "text", fmt.Sprintf(format, args...))
	}
}
