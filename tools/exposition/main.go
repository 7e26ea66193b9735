// Exposition reads what the services tell of themselves with the code of those who will read it: Prometheus' own parser of scraped
// metrics (github.com/prometheus/prometheus/model/textparse), and the OpenTelemetry collector's of OTLP
// (go.opentelemetry.io/collector/pdata).
//
//	exposition prometheus CONTENT-TYPE < BODY    what /metrics answered
//	exposition otlp-metrics < BODY               an export request of metrics, as JSON
//	exposition otlp-traces < BODY                an export request of traces, as JSON
//
// It prints what was understood as JSON, and ends with 1 when something was not: a native histogram whose counts do not add up, too.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "exposition:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var understood any
	switch {
	case len(args) == 2 && args[0] == "prometheus":
		understood, err = scraped(body, args[1])
	case len(args) == 1 && args[0] == "otlp-metrics":
		understood, err = metrics(body)
	case len(args) == 1 && args[0] == "otlp-traces":
		understood, err = traces(body)
	default:
		return errors.New("usage: exposition prometheus CONTENT-TYPE | otlp-metrics | otlp-traces, with a body on stdin")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(understood)
}

// Hist is an exponential histogram; Buckets are [index, count] as OpenTelemetry numbers them, those without counts left out.
type Hist struct {
	Scale         int32      `json:"scale"`
	Count         uint64     `json:"count"`
	Sum           float64    `json:"sum"`
	Zero          uint64     `json:"zero"`
	ZeroThreshold float64    `json:"zeroThreshold"`
	Buckets       [][2]int64 `json:"buckets"`
	Min           *float64   `json:"min,omitempty"`
	Max           *float64   `json:"max,omitempty"`
}

// Sample of a scrape: a number, as text because JSON has no infinity, or a native histogram.
type Sample struct {
	Labels    map[string]string `json:"labels"`
	Value     string            `json:"value,omitempty"`
	Histogram *Hist             `json:"histogram,omitempty"`
}

// Scrape is all samples, and what is said of each family.
type Scrape struct {
	Samples []Sample          `json:"samples"`
	Types   map[string]string `json:"types"`
	Helps   map[string]string `json:"helps"`
}

func scraped(body []byte, contentType string) (*Scrape, error) {
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	if err != nil {
		return nil, err
	}
	out := &Scrape{Samples: []Sample{}, Types: map[string]string{}, Helps: map[string]string{}}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var l labels.Labels
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			out.Types[string(name)] = string(kind)
		case textparse.EntryHelp:
			name, help := parser.Help()
			out.Helps[string(name)] = string(help)
		case textparse.EntrySeries:
			parser.Labels(&l)
			_, _, value := parser.Series()
			out.Samples = append(out.Samples, Sample{Labels: l.Map(), Value: strconv.FormatFloat(value, 'g', -1, 64)})
		case textparse.EntryHistogram:
			parser.Labels(&l)
			_, _, h, _ := parser.Histogram()
			if h == nil {
				return nil, fmt.Errorf("%s: a histogram of floats", l)
			}
			if err := h.Validate(); err != nil {
				return nil, fmt.Errorf("%s: %w", l, err)
			}
			out.Samples = append(out.Samples, Sample{Labels: l.Map(), Histogram: native(h)})
		}
	}
}

func native(h *histogram.Histogram) *Hist {
	out := &Hist{Scale: h.Schema, Count: h.Count, Sum: h.Sum, Zero: h.ZeroCount, ZeroThreshold: h.ZeroThreshold, Buckets: [][2]int64{}}
	for it := h.PositiveBucketIterator(); it.Next(); {
		// Prometheus numbers a bucket by its upper end.
		if b := it.At(); b.Count > 0 {
			out.Buckets = append(out.Buckets, [2]int64{int64(b.Index) - 1, int64(b.Count)})
		}
	}
	return out
}

// Point of an OTLP metric. Times are nanoseconds since 1970.
type Point struct {
	Name       string         `json:"name"`
	Help       string         `json:"help"`
	Unit       string         `json:"unit"`
	Type       string         `json:"type"`
	Delta      bool           `json:"delta"`
	Monotonic  bool           `json:"monotonic"`
	Attributes map[string]any `json:"attributes"`
	Start      string         `json:"start"`
	Time       string         `json:"time"`
	Value      *float64       `json:"value,omitempty"`
	Histogram  *Hist          `json:"histogram,omitempty"`
}

func metrics(body []byte) (any, error) {
	request := pmetricotlp.NewExportRequest()
	if err := request.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	points := []Point{}
	resources := request.Metrics().ResourceMetrics()
	resource := map[string]any{}
	for r := range resources.Len() {
		resource = resources.At(r).Resource().Attributes().AsRaw()
		scopes := resources.At(r).ScopeMetrics()
		for s := range scopes.Len() {
			for m := range scopes.At(s).Metrics().Len() {
				points = append(points, pointsOf(scopes.At(s).Metrics().At(m))...)
			}
		}
	}
	return map[string]any{"resource": resource, "points": points}, nil
}

func pointsOf(m pmetric.Metric) []Point {
	of := Point{Name: m.Name(), Help: m.Description(), Unit: m.Unit(), Type: m.Type().String()}
	points := []Point{}
	add := func(attributes pcommon.Map, start, at pcommon.Timestamp, value *float64, h *Hist) {
		p := of
		p.Attributes, p.Value, p.Histogram = attributes.AsRaw(), value, h
		p.Start, p.Time = strconv.FormatUint(uint64(start), 10), strconv.FormatUint(uint64(at), 10)
		points = append(points, p)
	}
	numbers := func(slice pmetric.NumberDataPointSlice) {
		for i := range slice.Len() {
			d := slice.At(i)
			value := d.DoubleValue()
			if d.ValueType() == pmetric.NumberDataPointValueTypeInt {
				value = float64(d.IntValue())
			}
			add(d.Attributes(), d.StartTimestamp(), d.Timestamp(), &value, nil)
		}
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		numbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		of.Monotonic = m.Sum().IsMonotonic()
		of.Delta = m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta
		numbers(m.Sum().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		of.Delta = m.ExponentialHistogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta
		slice := m.ExponentialHistogram().DataPoints()
		for i := range slice.Len() {
			d := slice.At(i)
			h := &Hist{Scale: d.Scale(), Count: d.Count(), Sum: d.Sum(), Zero: d.ZeroCount(), ZeroThreshold: d.ZeroThreshold(), Buckets: [][2]int64{}}
			if d.HasMin() {
				least, most := d.Min(), d.Max()
				h.Min, h.Max = &least, &most
			}
			for k, count := range d.Positive().BucketCounts().All() {
				if count > 0 {
					h.Buckets = append(h.Buckets, [2]int64{int64(d.Positive().Offset()) + int64(k), int64(count)})
				}
			}
			add(d.Attributes(), d.StartTimestamp(), d.Timestamp(), nil, h)
		}
	}
	return points
}

// Span of an OTLP trace.
type Span struct {
	TraceID    string         `json:"traceId"`
	SpanID     string         `json:"spanId"`
	ParentID   string         `json:"parentId"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Status     string         `json:"status"`
	Start      string         `json:"start"`
	End        string         `json:"end"`
	Attributes map[string]any `json:"attributes"`
	Links      []string       `json:"links"`
}

func traces(body []byte) (any, error) {
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	spans := []Span{}
	resources := request.Traces().ResourceSpans()
	resource := map[string]any{}
	for r := range resources.Len() {
		resource = resources.At(r).Resource().Attributes().AsRaw()
		scopes := resources.At(r).ScopeSpans()
		for s := range scopes.Len() {
			for i := range scopes.At(s).Spans().Len() {
				d := scopes.At(s).Spans().At(i)
				links := []string{}
				for k := range d.Links().Len() {
					links = append(links, d.Links().At(k).TraceID().String()+"/"+d.Links().At(k).SpanID().String())
				}
				spans = append(spans, Span{
					TraceID: d.TraceID().String(), SpanID: d.SpanID().String(), ParentID: d.ParentSpanID().String(), Name: d.Name(), Kind: d.Kind().String(),
					Status: d.Status().Code().String(), Start: strconv.FormatUint(uint64(d.StartTimestamp()), 10), End: strconv.FormatUint(uint64(d.EndTimestamp()), 10),
					Attributes: d.Attributes().AsRaw(), Links: links,
				})
			}
		}
	}
	return map[string]any{"resource": resource, "spans": spans}, nil
}
