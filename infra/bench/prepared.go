package bench

import (
	"context"
	"errors"
	"io"
	"net"

	featuresapi "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	streamsapi "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// preparedServer is the least that a server of EventStoreDB's protocol can do: it
// takes appends and answers each with the same few bytes, and sends a reader
// events that were encoded beforehand. It keeps nothing.
type preparedServer struct {
	streamsapi.UnimplementedStreamsServer
	featuresapi.UnimplementedServerFeaturesServer
	appended *streamsapi.AppendResp
	events   []encodedMessage

	server *grpc.Server
	served chan error
	at     string
}

// encodedMessage goes over the wire as it is.
type encodedMessage []byte

type encodedCodec struct{ encoding.CodecV2 }

func (c encodedCodec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*encodedMessage); ok {
		return mem.BufferSlice{mem.SliceBuffer(*m)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func startPrepared(events []encodedMessage) (*preparedServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &preparedServer{events: events, served: make(chan error, 1), at: l.Addr().String(),
		server: grpc.NewServer(grpc.ForceServerCodecV2(encodedCodec{encoding.GetCodecV2(proto.Name)})),
		appended: &streamsapi.AppendResp{Result: &streamsapi.AppendResp_Success_{Success: &streamsapi.AppendResp_Success{
			CurrentRevisionOption: &streamsapi.AppendResp_Success_CurrentRevision{CurrentRevision: 1000},
			PositionOption: &streamsapi.AppendResp_Success_Position{
				Position: &streamsapi.AppendResp_Position{CommitPosition: 1_000_000, PreparePosition: 1_000_000}},
		}}}}
	streamsapi.RegisterStreamsServer(p.server, p)
	featuresapi.RegisterServerFeaturesServer(p.server, p)
	go func() { p.served <- p.server.Serve(l) }()
	return p, nil
}

func (p *preparedServer) stop() error {
	p.server.Stop()
	return <-p.served
}

// GetSupportedMethods is what clients ask for first.
func (p *preparedServer) GetSupportedMethods(context.Context, *shared.Empty) (*featuresapi.SupportedMethods, error) {
	return &featuresapi.SupportedMethods{EventStoreServerVersion: "24.10.0"}, nil
}

// Append takes what comes.
func (p *preparedServer) Append(call streamsapi.Streams_AppendServer) error {
	for {
		_, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return call.SendAndClose(p.appended)
		}
		if err != nil {
			return err
		}
	}
}

// Read sends all events.
func (p *preparedServer) Read(_ *streamsapi.ReadReq, call streamsapi.Streams_ReadServer) error {
	for i := range p.events {
		if err := call.SendMsg(&p.events[i]); err != nil {
			return err
		}
	}
	return nil
}
