// Package bench measures what the ledger exists for. A benchmark measures a
// subject and, in the same run and in turns with it, a baseline that does the
// least that the machine could do for the same purpose. What is compared is the
// ratio of the two: it holds on another machine, and beside other work, where a
// figure in seconds does not.
//
// Nothing here fails on a time. A result says whether its goals were met.
package bench
