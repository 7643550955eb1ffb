package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dossierledger/domain/fault"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket is a Place in a bucket of an S3-compatible store. Credentials come from
// the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or
// from a credentials file (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE). Two backups
// to one place are told apart when they write the next manifest, by a conditional
// write where the store has it.
type Bucket struct {
	client *minio.Client
	bucket string
	// prefix is empty or ends in a slash.
	prefix string
}

var _ Place = (*Bucket)(nil)

// S3 says how an S3-compatible store is reached.
type S3 struct {
	// Endpoint is its URL; empty is Amazon's.
	Endpoint string
	// Region is that of the bucket; empty is found out.
	Region string
}

const (
	s3Scheme       = "s3://"
	amazonEndpoint = "https://s3.amazonaws.com"
	// objectMax bounds what reading an object can ask for.
	objectMax = 128 << 20
)

// OpenPlace is the place with a name: s3://BUCKET/PREFIX or a folder.
func OpenPlace(name string, s3 S3) (Place, error) {
	rest, ok := strings.CutPrefix(name, s3Scheme)
	if !ok {
		return OpenFolder(name)
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	if s3.Endpoint == "" {
		s3.Endpoint = amazonEndpoint
	}
	endpoint, err := url.Parse(s3.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" || endpoint.User != nil || bucket == "" {
		return nil, fault.New(fault.Invalid, "usage.s3", "a bucket is named s3://BUCKET/PREFIX and its store by a URL such as https://s3.example.org, without credentials: %q at %q", name, endpoint.Redacted())
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}),
		Secure: endpoint.Scheme == "https", Region: s3.Region,
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &Bucket{client: client, bucket: bucket, prefix: prefix}, nil
}

// String implements Place.
func (b *Bucket) String() string {
	return s3Scheme + b.bucket + "/" + strings.TrimSuffix(b.prefix, "/")
}

func (b *Bucket) failed(what, name string, err error) error {
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.StatusCode == http.StatusNotFound && answer.Code != minio.NoSuchBucket:
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case answer.StatusCode == http.StatusPreconditionFailed:
		err = fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return fmt.Errorf("backup: %s %s in %s: %w", what, name, b, err)
}

// Lock implements Place. A bucket has no locks; that it is there is looked at.
func (b *Bucket) Lock(ctx context.Context) (release func() error, err error) {
	there, err := b.client.BucketExists(ctx, b.bucket)
	if err != nil {
		return nil, b.failed("look for", "the bucket", err)
	}
	if !there {
		return nil, fault.New(fault.NotFound, "backup.no-bucket", "there is no bucket %s, or these credentials may not see it", b.bucket)
	}
	return func() error { return nil }, nil
}

// Put implements Place.
func (b *Bucket) Put(ctx context.Context, name string, data []byte) error {
	if _, err := b.client.StatObject(ctx, b.bucket, b.prefix+name, minio.StatObjectOptions{}); err == nil {
		return fmt.Errorf("backup: %s in %s: %w", name, b, fs.ErrExist)
	} else if err := b.failed("look for", name, err); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	write := func(opts minio.PutObjectOptions) error {
		opts.ContentType, opts.DisableMultipart = "application/octet-stream", true
		_, err := b.client.PutObject(ctx, b.bucket, b.prefix+name, bytes.NewReader(data), int64(len(data)), opts)
		return err
	}
	var fresh minio.PutObjectOptions
	fresh.SetMatchETagExcept("*")
	err := write(fresh)
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotImplemented {
		err = write(minio.PutObjectOptions{})
	}
	if err != nil {
		return b.failed("write", name, err)
	}
	return nil
}

// Get implements Place.
func (b *Bucket) Get(ctx context.Context, name string) ([]byte, error) {
	object, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.failed("read", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(object, objectMax+1))
	if err != nil {
		return nil, errors.Join(b.failed("read", name, err), object.Close())
	}
	if err := object.Close(); err != nil {
		return nil, b.failed("read", name, err)
	}
	if len(data) > objectMax {
		return nil, damaged(b, name, "has more than %d bytes", objectMax)
	}
	return data, nil
}

// List implements Place.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	for object := range b.client.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, b.failed("list", prefix, object.Err)
		}
		names = append(names, strings.TrimPrefix(object.Key, b.prefix))
	}
	slices.Sort(names)
	return names, nil
}

// Remove implements Place.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	if err := b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}); err != nil {
		if err = b.failed("remove", name, err); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
