/* SPDX-License-Identifier: Apache-2.0 */
/* All of libweir. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/adapter.h>
#include <weir/af_decap.h>
#include <weir/af_encap.h>
#include <weir/base.h>
#include <weir/buf.h>
#include <weir/change.h>
#include <weir/config.h>
#include <weir/counters.h>
#include <weir/endpoint.h>
#include <weir/error.h>
#include <weir/eth_unwrap.h>
#include <weir/eth_wrap.h>
#include <weir/fd.h>
#include <weir/generator.h>
#include <weir/gro_coalesce.h>
#include <weir/gso_split.h>
#include <weir/host.h>
#include <weir/io.h>
#include <weir/mac_filter.h>
#include <weir/null.h>
#include <weir/offload.h>
#include <weir/option.h>
#include <weir/pair.h>
#include <weir/path_mtu.h>
#include <weir/pcap.h>
#include <weir/pipeline.h>
#include <weir/plugin.h>
#include <weir/secret.h>
#include <weir/session.h>
#include <weir/socket.h>
#include <weir/softether.h>
#include <weir/stage.h>
#include <weir/stats.h>
#include <weir/stream.h>
#include <weir/tun.h>
#include <weir/tun_queue.h>
#include <weir/udp.h>
#include <weir/vxlan.h>

#endif
