package chdb

import (
	"fmt"

	chproto "github.com/ClickHouse/ch-go/proto"
	clickhouse "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// helloQuery is the first thing that the driver asks on a connection.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// hello answers helloQuery in the engine's place, in the protocol revision that
// the driver expects before it knows better. The revision in the answer is 0:
// the engine writes its Native format without any revision's extras, and this
// tells the driver to read it so.
func (e *Engine) hello() ([]byte, error) {
	block := proto.NewBlock()
	for _, c := range []struct {
		name string
		kind column.Type
	}{
		{"displayName()", "String"}, {"version()", "String"}, {"revision()", "UInt32"}, {"timezone()", "String"},
	} {
		if err := block.AddColumn(c.name, c.kind); err != nil {
			return nil, fmt.Errorf("answering the driver's hello: %w", err)
		}
	}
	if err := block.Append("embedded", e.version, uint32(0), e.zone); err != nil {
		return nil, fmt.Errorf("answering the driver's hello: %w", err)
	}
	var buffer chproto.Buffer
	if err := block.Encode(&buffer, clickhouse.ClientTCPProtocolVersion); err != nil {
		return nil, fmt.Errorf("answering the driver's hello: %w", err)
	}
	return buffer.Buf, nil
}
