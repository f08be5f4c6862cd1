// Publish one event, and wait until the stream has it. NATS_URL is your NATS.
//
//	go mod init producer && go get github.com/nats-io/nats.go && go run producer.go
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats.go"
)

func main() {
	url, found := os.LookupEnv("NATS_URL")
	if !found {
		url = nats.DefaultURL
	}
	client, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	stream, err := client.JetStream()
	if err != nil {
		log.Fatal(err)
	}
	payload := `{"tool_name": "read_clock", "arguments": {}, "result": "12:00", "duration_ms": 0.4}`
	event := fmt.Sprintf(`{"event_id": %q, "correlation_id": "my-session", "payload": %s}`, nats.NewInbox(), payload)
	taken, err := stream.Publish("llm.tool_call", []byte(event))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s has it as message %d\n", taken.Stream, taken.Sequence)
}
