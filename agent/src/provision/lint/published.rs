//! What AWS's services publish, as their pages list it.
//!
//! Only namespaces that this platform's files are about, and only what the pages say. Where a page names the
//! sets of dimensions, they are complete: `CloudWatch` gives no others, see
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension>.

use super::known::Kind::{self, Errors, Level, Other, Percent, Seconds, Traffic};
use super::known::{Group, Namespace};

const fn group(
    kind: Kind,
    unit: Option<&'static str>,
    sets: &'static [&'static [&'static str]],
    names: &'static str,
) -> Group {
    Group { names, sets, kind, unit }
}

const COUNT: Option<&str> = Some("Count");
const PERCENT: Option<&str> = Some("Percent");
const BYTES: Option<&str> = Some("Bytes");

const OF_BALANCER: &[&[&str]] = &[&["LoadBalancer"], &["AvailabilityZone", "LoadBalancer"]];
const OF_BALANCER_ONLY: &[&[&str]] = &[&["LoadBalancer"]];
const OF_TARGETS: &[&[&str]] = &[
    &["LoadBalancer"],
    &["AvailabilityZone", "LoadBalancer"],
    &["LoadBalancer", "TargetGroup"],
    &["AvailabilityZone", "LoadBalancer", "TargetGroup"],
];
const OF_HOSTS: &[&[&str]] =
    &[&["LoadBalancer", "TargetGroup"], &["AvailabilityZone", "LoadBalancer", "TargetGroup"]];
const OF_TARGET_GROUP: &[&[&str]] = &[
    &["TargetGroup"],
    &["AvailabilityZone", "TargetGroup"],
    &["LoadBalancer", "TargetGroup"],
    &["AvailabilityZone", "LoadBalancer", "TargetGroup"],
];
const OF_INSTANCES: &[&[&str]] =
    &[&[], &["InstanceId"], &["AutoScalingGroupName"], &["ImageId"], &["InstanceType"]];
const OF_GROUP: &[&[&str]] = &[&["AutoScalingGroupName"]];
const OF_DISTRIBUTION: &[&[&str]] = &[&["DistributionId", "Region"]];
const OF_EDGE_FUNCTION: &[&[&str]] =
    &[&["FunctionName", "Region"], &["DistributionId", "FunctionName", "Region"]];
const OF_CACHE: &[&[&str]] = &[
    &[],
    &["CacheClusterId"],
    &["CacheClusterId", "CacheNodeId"],
    &["CacheClusterId", "CacheNodeId", "Tier"],
    &["clusterId"],
];
const OF_CACHE_GROUP: &[&[&str]] = &[
    &[],
    &["CacheClusterId"],
    &["CacheClusterId", "CacheNodeId"],
    &["ReplicationGroupId"],
    &["NodeGroupId", "ReplicationGroupId"],
    &["ReplicationGroupId", "Role"],
    &["clusterId"],
];
const OF_GATEWAY: &[&[&str]] = &[&["NatGatewayId"]];

/// All that are known.
pub(super) static NAMESPACES: &[Namespace] = &[
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    Namespace {
        name: "AWS/ApplicationELB",
        complete: true,
        groups: &[
            group(
                Errors,
                COUNT,
                OF_BALANCER,
                "ClientTLSNegotiationErrorCount DesyncMitigationMode_NonCompliant_Request_Count
                 ELBAuthError ELBAuthFailure HTTPCode_ELB_4XX_Count
                 HTTPCode_ELB_500_Count HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count
                 HTTPCode_ELB_5XX_Count HTTP_Redirect_Url_Limit_Exceeded_Count RejectedConnectionCount
                 ELBAuthUserClaimsSizeExceeded LowReputationRequestsDenied LowReputationPacketsDropped",
            ),
            group(
                Traffic,
                COUNT,
                OF_BALANCER,
                "HTTPCode_ELB_3XX_Count HTTP_Fixed_Response_Count HTTP_Redirect_Count NewConnectionCount
                 ActiveConnectionCount NonStickyRequestCount ELBAuthRefreshTokenSuccess
                 ELBAuthSuccess",
            ),
            group(Other, BYTES, OF_BALANCER, "ProcessedBytes IPv6ProcessedBytes"),
            group(
                Other,
                None,
                OF_BALANCER,
                "ELBAuthLatency AppCookieNonStickinessCount ExcessiveLowReputationPackets
                 DroppedInvalidHeaderRequestCount
                 ForwardedInvalidHeaderRequestCount TargetControlActiveChannelCount TargetControlChannelErrorCount
                 TargetControlNewChannelCount TargetControlProcessedBytes TargetControlRequestCount
                 TargetControlRequestRejectCount TargetControlWorkQueueLength",
            ),
            group(
                Other,
                None,
                OF_BALANCER_ONLY,
                "ConsumedLCUs LambdaTargetProcessedBytes PeakLCUs ReservedLCUs RuleEvaluations",
            ),
            group(
                Traffic,
                COUNT,
                OF_TARGETS,
                "RequestCount IPv6RequestCount HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count",
            ),
            group(
                Errors,
                COUNT,
                OF_TARGETS,
                "HTTPCode_Target_4XX_Count HTTPCode_Target_5XX_Count TargetConnectionErrorCount
                 TargetTLSNegotiationErrorCount UnhealthyRoutingRequestCount",
            ),
            group(Seconds, Some("Seconds"), OF_TARGETS, "TargetResponseTime"),
            group(
                Level,
                COUNT,
                OF_HOSTS,
                "HealthyHostCount UnHealthyHostCount HealthyStateDNS HealthyStateRouting UnhealthyStateDNS
                 UnhealthyStateRouting AnomalousHostCount MitigatedHostCount",
            ),
            group(Other, None, OF_HOSTS, "ActiveZonalShiftHostCount"),
            group(Percent, PERCENT, OF_BALANCER_ONLY, "CapacityUtilization"),
            group(Percent, PERCENT, OF_HOSTS, "BYoIPUtilPercentage"),
            group(Traffic, COUNT, OF_TARGET_GROUP, "RequestCountPerTarget"),
            group(Other, None, &[], "GrpcRequestCount LambdaInternalError LambdaUserError"),
        ],
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
    Namespace {
        name: "AWS/EC2",
        complete: true,
        groups: &[
            group(Percent, PERCENT, OF_INSTANCES, "CPUUtilization"),
            group(
                Other,
                BYTES,
                OF_INSTANCES,
                "NetworkIn NetworkOut DiskReadBytes DiskWriteBytes EBSReadBytes EBSWriteBytes",
            ),
            group(
                Other,
                COUNT,
                OF_INSTANCES,
                "NetworkPacketsIn NetworkPacketsOut DiskReadOps DiskWriteOps EBSReadOps EBSWriteOps
                 MetadataNoToken MetadataNoTokenRejected",
            ),
            group(
                Level,
                COUNT,
                OF_INSTANCES,
                "StatusCheckFailed StatusCheckFailed_Instance StatusCheckFailed_System
                 StatusCheckFailed_AttachedEBS StatusCheckFailed_Application",
            ),
            group(
                Other,
                None,
                OF_INSTANCES,
                "CPUCreditUsage CPUCreditBalance CPUSurplusCreditBalance CPUSurplusCreditsCharged
                 EBSIOBalance% EBSByteBalance% GPUPowerUtilization InstanceEBSIOPSExceededCheck
                 InstanceEBSThroughputExceededCheck NetworkMirrorIn NetworkMirrorOut NetworkPacketsMirrorIn
                 NetworkPacketsMirrorOut NetworkSkipMirrorIn NetworkSkipMirrorOut NetworkPacketsSkipMirrorIn
                 NetworkPacketsSkipMirrorOut",
            ),
            group(
                Other,
                None,
                &[],
                "DedicatedHostCPUUtilization NetworkAddressUsage NetworkAddressUsagePeered",
            ),
        ],
    },
    // https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
    Namespace {
        name: "AWS/AutoScaling",
        complete: true,
        groups: &[
            group(
                Level,
                None,
                OF_GROUP,
                "GroupMinSize GroupMaxSize GroupDesiredCapacity GroupInServiceInstances GroupPendingInstances
                 GroupStandbyInstances GroupTerminatingInstances GroupTotalInstances GroupInServiceCapacity
                 GroupPendingCapacity GroupStandbyCapacity GroupTerminatingCapacity GroupTotalCapacity
                 WarmPoolMinSize WarmPoolDesiredCapacity WarmPoolPendingCapacity WarmPoolTerminatingCapacity
                 WarmPoolWarmedCapacity WarmPoolTotalCapacity GroupAndWarmPoolDesiredCapacity
                 GroupAndWarmPoolTotalCapacity",
            ),
            group(
                Other,
                None,
                &[],
                "PredictiveScalingLoadForecast PredictiveScalingCapacityForecast
                 PredictiveScalingMetricPairCorrelation",
            ),
        ],
    },
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    Namespace {
        name: "AWS/CloudFront",
        complete: true,
        groups: &[
            group(Traffic, Some("None"), OF_DISTRIBUTION, "Requests"),
            group(Other, Some("None"), OF_DISTRIBUTION, "BytesDownloaded BytesUploaded"),
            group(
                Percent,
                PERCENT,
                OF_DISTRIBUTION,
                "4xxErrorRate 5xxErrorRate TotalErrorRate CacheHitRate 401ErrorRate 403ErrorRate 404ErrorRate
                 502ErrorRate 503ErrorRate 504ErrorRate",
            ),
            group(Other, Some("Milliseconds"), OF_DISTRIBUTION, "OriginLatency"),
            group(
                Other,
                None,
                OF_EDGE_FUNCTION,
                "FunctionInvocations FunctionValidationErrors FunctionExecutionErrors FunctionThrottles
                 FunctionComputeUtilization",
            ),
            group(
                Other,
                None,
                &[],
                "KvsReadErrors KvsReadRequests LambdaExecutionError LambdaValidationError
                 LambdaLimitExceededErrors",
            ),
        ],
    },
    // https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html
    Namespace {
        name: "AWS/ElastiCache",
        complete: false,
        groups: &[
            group(Percent, PERCENT, OF_CACHE_GROUP, "EngineCPUUtilization"),
            group(Percent, PERCENT, OF_CACHE, "CPUUtilization DatabaseMemoryUsagePercentage"),
            group(
                Other,
                None,
                OF_CACHE_GROUP,
                "DatabaseMemoryUsageCountedForEvictPercentage DatabaseCapacityUsageCountedForEvictPercentage",
            ),
            group(
                Other,
                None,
                OF_CACHE,
                "CacheHits CacheMisses CacheHitRate CurrConnections NewConnections CurrItems Evictions
                 Reclaimed BytesUsedForCache FreeableMemory SwapUsage NetworkBytesIn NetworkBytesOut
                 NetworkPacketsIn NetworkPacketsOut ReplicationLag ReplicationBytes MemoryFragmentationRatio
                 CPUCreditBalance CPUCreditUsage IsMaster MasterLinkHealthStatus SaveInProgress
                 AuthenticationFailures GetTypeCmds SetTypeCmds StringBasedCmds KeyBasedCmds HashBasedCmds",
            ),
        ],
    },
    // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    Namespace {
        name: "AWS/Lambda",
        complete: false,
        groups: &[
            group(Other, COUNT, &[], "Errors Throttles DeadLetterErrors DestinationDeliveryFailures"),
            group(Traffic, COUNT, &[], "Invocations ProvisionedConcurrencyInvocations"),
            group(Other, Some("Milliseconds"), &[], "Duration PostRuntimeExtensionsDuration IteratorAge"),
            group(
                Other,
                None,
                &[],
                "ConcurrentExecutions UnreservedConcurrentExecutions ProvisionedConcurrentExecutions
                 ProvisionedConcurrencyUtilization ProvisionedConcurrencySpilloverInvocations",
            ),
        ],
    },
    // https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
    Namespace {
        name: "AWS/NATGateway",
        complete: true,
        groups: &[
            group(Other, COUNT, OF_GATEWAY, "ErrorPortAllocation IdleTimeoutCount PacketsDropCount"),
            group(Level, COUNT, OF_GATEWAY, "ActiveConnectionCount"),
            group(
                Other,
                None,
                OF_GATEWAY,
                "BytesInFromDestination BytesInFromSource BytesOutToDestination BytesOutToSource
                 ConnectionAttemptCount ConnectionEstablishedCount PacketsInFromDestination
                 PacketsInFromSource PacketsOutToDestination PacketsOutToSource PeakBytesPerSecond
                 PeakPacketsPerSecond",
            ),
        ],
    },
];
