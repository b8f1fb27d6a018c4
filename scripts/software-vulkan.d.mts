export declare function softwareVulkan(): string | undefined;
export declare function installSoftwareVulkan(): boolean;
