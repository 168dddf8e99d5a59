/*
 * Every hard limit, with its reason. Hostile input meets these before it meets the machine's.
 */
#ifndef KONSEKI_BASE_LIMITS_H
#define KONSEKI_BASE_LIMITS_H

/* Fields of one event: EVTX allows 65,535 substitutions; the largest real event has under 200. */
#define LIMIT_EVENT_FIELDS 1024

/* Bytes of one artefact's arena. A parser that wants more is fed nonsense. */
#define LIMIT_ARENA (256u << 20)

/* Address space of a parser process, the mapped artefact not counted: three of them fit the bound
 * of 512 MiB for an ingest, because they never all stand at their limit at once. */
#define LIMIT_WORKER_MEMORY (384ull << 20)

/* CPU seconds that a parser may use for an artefact, plus a second per LIMIT_WORKER_RATE bytes. */
#define LIMIT_WORKER_SECONDS 15
#define LIMIT_WORKER_RATE    (2u << 20)

/* Nesting of any recursive structure in evidence (binary XML, plist, JSON, archive in archive). */
#define LIMIT_DEPTH 64

/* Bytes of one decompressed member; beyond it the member is cut and recorded as damaged. */
#define LIMIT_MEMBER (64ull << 30)

/* Ratio past which a compressed member of more than a megabyte is taken for a bomb. zstd and xz
 * reach some thousand on honest logs of zeros. */
#define LIMIT_RATIO 20000

/* Bytes of a line of text evidence; a longer one is cut and flagged. */
#define LIMIT_LINE (1u << 20)

/* Path length that we store, after decoding. */
#define LIMIT_PATH 32768

/* Encoded commands inside one another, and bytes decoded of one command: a script that hides itself
 * goes three or four deep; more is a bomb. */
#define ENCODED_DEPTH 8
#define LIMIT_DECODED (1u << 20)

/* Text of script blocks that are not whole yet, in memory of one parser; a part has up to 20,000
 * characters (PowerShell, ScriptBlock logging), a script seldom more than a hundred parts. */
#define LIMIT_SCRIPTS	   (8u << 20)
#define LIMIT_SCRIPT_PARTS 4096u

#endif
